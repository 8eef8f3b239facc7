//! [`JobKind`]: what `#[job]` writes down about a function.

use futures_core::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::database::JobDatabase;
use super::job::Job;
use super::limits::{Concurrency, Rate};
use super::options::JobOptions;
use super::verdict::Ended;

/// A function under [`#[job]`](macro@crate::job): its name in the database, its arguments and its
/// options.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no job",
    label = "expected the name of a function under `#[job]`"
)]
pub trait JobKind: Sized + 'static {
    /// The name in the database.
    const KIND: &'static str;
    /// The arguments, as they are stored.
    type Arguments: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The database on which the job runs, or [`EitherDatabase`](super::EitherDatabase).
    type On: 'static;

    /// Returns the options of the attribute.
    #[doc(hidden)]
    fn options() -> JobOptions;

    /// Returns how many jobs like this one may run at once.
    #[doc(hidden)]
    fn concurrency(_: &Self::Arguments) -> Option<Concurrency> {
        None
    }

    /// Returns how many jobs like this one may begin in a time.
    #[doc(hidden)]
    fn rate(_: &Self::Arguments) -> Option<Rate> {
        None
    }
}

/// A job that runs on the database `DB`.
pub trait RunsOn<DB: JobDatabase>: JobKind {
    /// Runs the body.
    #[doc(hidden)]
    fn run(job: Job<DB>, arguments: Self::Arguments) -> BoxFuture<'static, Ended>;
}

/// The result of a job, which says the error of its steps.
pub trait JobResult {
    /// The error.
    type Error;
}

impl<T, E> JobResult for Result<T, E> {
    type Error = E;
}

/// What a job gets that is enqueued because another was discarded.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Discarded {
    /// The id of the job that was discarded.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// The error of its last attempt.
    pub error: String,
}

/// The arguments of a job that takes a [`Discarded`] and nothing else.
#[diagnostic::on_unimplemented(
    message = "this job does not take a `Discarded`, and nothing else",
    label = "expected a job such as `#[job] async fn tell(job: &Job<Sqlite>, discarded: Discarded) -> dbop::Result<()>`"
)]
pub trait TakesDiscarded {}

/// Asks of a job that it takes a [`Discarded`].
pub fn takes_discarded<K: JobKind<Arguments: TakesDiscarded>>() {}
