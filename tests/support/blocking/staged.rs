//! A driver of the tests' own, around `rusqlite`. At each stage it first does what its script says.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dbop::blocking::{Begin, Interrupt, SyncConnection, TransactionStatus};
use dbop::{BlockingDb, Category, Class, ErrorKind, Retry};
use r2d2::ManageConnection;
use sqlx::Sqlite;

use super::{Configure, Gate};
use crate::sqlite;

/// How long a connection has to be idle before the pool tries it again.
pub const UNTRUSTED: Duration = Duration::from_millis(1_100);

pub type World = super::World<Manager, Sqlite>;

/// What a driver or its manager is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connect,
    IsValid,
    ReadOnlyOn,
    ReadOnlyOff,
    Begin,
    Status,
    Commit,
    Rollback,
}

/// What the driver does when it comes to a stage.
#[derive(Clone, Debug)]
pub enum Act {
    Panic,
    /// It fails, as with a lost connection.
    Lose,
    /// It fails, as with a conflict.
    Conflict,
    /// It waits at this gate and then does its work.
    Wait(Gate),
}

/// What the driver is to do, and which stages it has come to. A clone is another handle to the same
/// script.
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    planned: VecDeque<(Stage, Act)>,
    done: Vec<Stage>,
    late_interrupts: bool,
}

impl Script {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans `act` for the next time the driver comes to `stage`.
    pub fn at(&self, stage: Stage, act: Act) {
        self.inner().planned.push_back((stage, act));
    }

    /// Makes interrupts do nothing, and the driver say that they may arrive late.
    pub fn interrupts_come_late(&self) {
        self.inner().late_interrupts = true;
    }

    /// Returns how often the driver has come to this stage.
    #[must_use]
    pub fn count(&self, stage: Stage) -> usize {
        let inner = self.inner();
        inner.done.iter().filter(|done| **done == stage).count()
    }

    fn come_to(&self, stage: Stage) -> Result<(), Staged> {
        let act = {
            let mut inner = self.inner();
            inner.done.push(stage);
            let place = inner.planned.iter().position(|(at, _)| *at == stage);
            place.and_then(|place| inner.planned.remove(place))
        };
        match act {
            None => Ok(()),
            Some((_, Act::Panic)) => panic!("the driver, at {stage:?}"),
            Some((_, Act::Lose)) => Err(Staged::Lost),
            Some((_, Act::Conflict)) => Err(Staged::Conflict),
            Some((_, Act::Wait(gate))) => {
                gate.pass();
                Ok(())
            }
        }
    }
}

/// The error of the staged driver.
#[derive(Debug)]
pub enum Staged {
    Lost,
    Conflict,
    Rusqlite(rusqlite::Error),
}

impl fmt::Display for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("the connection was lost"),
            Self::Conflict => f.write_str("a conflict"),
            Self::Rusqlite(error) => write!(f, "{error}"),
        }
    }
}

impl StdError for Staged {}

impl From<Staged> for dbop::Error {
    fn from(error: Staged) -> Self {
        Self::of_driver(
            Session::classify(&error).expect("the error is the driver's own"),
            error,
        )
    }
}

/// A connection of the staged driver.
#[derive(Debug)]
pub struct Session {
    pub inner: rusqlite::Connection,
    script: Script,
}

impl SyncConnection for Session {
    const SYSTEM: &'static str = "staged";

    fn set_read_only(&mut self, on: bool) -> dbop::Result<()> {
        self.script.come_to(if on {
            Stage::ReadOnlyOn
        } else {
            Stage::ReadOnlyOff
        })?;
        self.inner.set_read_only(on)
    }

    fn begin(&mut self, begin: &Begin) -> dbop::Result<()> {
        self.script.come_to(Stage::Begin)?;
        self.inner.begin(begin)
    }

    fn commit(&mut self) -> dbop::Result<()> {
        self.script.come_to(Stage::Commit)?;
        self.inner.commit()
    }

    fn rollback(&mut self) -> dbop::Result<()> {
        self.script.come_to(Stage::Rollback)?;
        self.inner.rollback()
    }

    fn status(&mut self) -> dbop::Result<TransactionStatus> {
        self.script.come_to(Stage::Status)?;
        self.inner.status()
    }

    fn interrupt(&self) -> Option<Interrupt> {
        if self.script.inner().late_interrupts {
            return Some(Interrupt::eventually(|| {}));
        }
        self.inner.interrupt()
    }

    fn classify(error: &(dyn StdError + 'static)) -> Option<Class> {
        Some(match error.downcast_ref::<Staged>()? {
            Staged::Rusqlite(error) => dbop::classify::rusqlite(error),
            Staged::Conflict => dbop::classify::sqlite(517, ""),
            Staged::Lost => Class {
                category: Category::Transient,
                kind: ErrorKind::Connection,
                retry: Retry::IfIdempotent,
            },
        })
    }
}

/// Opens connections of the staged driver.
#[derive(Debug)]
pub struct Manager {
    path: String,
    script: Script,
}

impl ManageConnection for Manager {
    type Connection = Session;
    type Error = Staged;

    fn connect(&self) -> Result<Session, Staged> {
        self.script.come_to(Stage::Connect)?;
        Ok(Session {
            inner: rusqlite::Connection::open(&self.path).map_err(Staged::Rusqlite)?,
            script: self.script.clone(),
        })
    }

    fn is_valid(&self, _: &mut Session) -> Result<(), Staged> {
        self.script.come_to(Stage::IsValid)
    }

    fn has_broken(&self, _: &mut Session) -> bool {
        false
    }
}

/// # Panics
///
/// If the database cannot be created.
pub async fn open(configure: Configure<Manager>) -> (World, Script) {
    let fresh = sqlite::fresh_with(|builder| builder).await;
    let script = Script::default();
    let manager = Manager {
        path: super::rusqlite::path(&fresh.url).to_owned(),
        script: script.clone(),
    };
    let db = configure(BlockingDb::builder(manager)).build();
    (World { db, fresh }.with_schema().await, script)
}

/// # Errors
///
/// Returns the driver's error.
pub fn exec(conn: &Session, sql: &str) -> dbop::Result<()> {
    super::rusqlite::exec(&conn.inner, sql)
}
