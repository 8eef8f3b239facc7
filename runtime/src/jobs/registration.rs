//! [`Registration`]: a job of this binary, as its workers find it.

use std::any::{Any, TypeId, type_name};
use std::fmt;

use super::database::JobDatabase;
use super::engine::prepared::Prepared;
use super::engine::worker::{self, Hire};
use super::kind::{JobKind, RunsOn};
use super::options::JobOptions;
use crate::error::Result;

/// A job of this binary. `#[job]` submits one, and the workers collect them.
#[derive(Debug)]
pub struct Registration {
    /// The name in the database.
    pub kind: &'static str,
    /// The file of the function.
    pub file: &'static str,
    /// The line of the attribute.
    pub line: u32,
    /// Returns the options of the attribute.
    pub options: fn() -> JobOptions,
    /// A [`JobBody`] for each database on which the job runs.
    pub bodies: &'static [&'static (dyn Any + Send + Sync)],
    /// The types of state that the body asks for.
    pub states: &'static [fn() -> StateType],
    /// Returns what is due when the schedule says so.
    pub scheduled: Option<fn() -> Due>,
}

inventory::collect!(Registration);

impl Registration {
    /// Returns all jobs of this binary.
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>.into_iter()
    }

    /// Returns the body for this database.
    pub(super) fn body<DB: JobDatabase>(&self) -> Option<&'static JobBody<DB>> {
        self.bodies.iter().find_map(|body| body.downcast_ref())
    }
}

/// A type of state that a body asks for by a parameter `&T`.
#[derive(Clone, Copy, Debug)]
pub struct StateType {
    pub(super) id: TypeId,
    pub(super) name: &'static str,
}

impl StateType {
    /// Returns the type as a value.
    #[must_use]
    pub fn of<T: Any>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
        }
    }
}

/// The body of a job on the database `DB`.
#[derive(Debug)]
pub struct JobBody<DB: JobDatabase> {
    pub(super) hire: Hire<DB>,
}

impl<DB: JobDatabase> JobBody<DB> {
    /// Returns the body of `K`.
    #[must_use]
    pub const fn of<K: RunsOn<DB>>() -> Self {
        Self {
            hire: worker::hire::<K, DB>,
        }
    }
}

/// What is enqueued when a schedule says so.
pub struct Due {
    pub(super) prepare: fn() -> Result<Prepared>,
}

/// Returns what is enqueued of a kind without arguments.
pub fn schedule_of<K: JobKind<Arguments: Default>>() -> Due {
    Due {
        prepare: || Prepared::new(K::KIND, &K::Arguments::default(), &K::options(), None),
    }
}

impl fmt::Debug for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Due")
    }
}

/// Returns the kinds of this binary that run on the database `DB`.
#[must_use]
pub fn kinds<DB: JobDatabase>() -> Vec<&'static str> {
    let ours = Registration::all().filter(|job| job.body::<DB>().is_some());
    ours.map(|job| job.kind).collect()
}
