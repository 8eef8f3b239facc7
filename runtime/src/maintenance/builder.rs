//! [`MaintenanceBuilder`]: which tasks there are, and how often each is due.

use std::fmt;
use std::time::Duration;

use super::supervisor::{Maintenance, start};
use super::tasks::{Maintained, Task, Work};
use crate::db::{AnyDb, Db};
use crate::rt::FOREVER;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl<DB: Maintained> Db<DB> {
    /// Returns a builder for the maintenance of this database, which does nothing until
    /// [`start`](MaintenanceBuilder::start).
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), dbop::Error> {
    /// use std::time::Duration;
    ///
    /// let db = dbop::Db::<sqlx::Sqlite>::connect("sqlite::memory:").await?;
    /// let week = Duration::from_secs(7 * 24 * 60 * 60);
    /// let maintenance = db.maintenance().vacuum(week).start();
    /// // .. the service runs ..
    /// maintenance.stop().await;
    /// db.close().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn maintenance(&self) -> MaintenanceBuilder {
        let db = self.clone();
        MaintenanceBuilder {
            start: Box::new(move |tasks| start(db, tasks)),
            plan: Plan::default(),
        }
    }
}

impl AnyDb {
    /// Returns a builder for the maintenance of this database, as [`Db::maintenance`] does.
    pub fn maintenance(&self) -> MaintenanceBuilder {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(db) => db.maintenance(),
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => db.maintenance(),
        }
    }
}

/// How often each task is due. The documentation of each method names the default.
///
/// Each task is an operation of its own in [`metrics`](crate::metrics), in the spans and in the errors,
/// under the name that the method tells. [The guide](crate::guide::start_maintenance_shutdown) says what
/// holds when tasks fail and when several processes run them.
#[must_use = "maintenance does nothing until `start`"]
pub struct MaintenanceBuilder {
    start: Box<dyn FnOnce(Vec<Task>) -> Maintenance + Send>,
    plan: Plan,
}

/// How often each task is due; `None`: never.
#[derive(Clone, Copy, Debug)]
struct Plan {
    stale_sessions: Option<Duration>,
    stale_after: Duration,
    once_markers: Option<Duration>,
    optimize: Option<Duration>,
    vacuum: Option<Duration>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            stale_sessions: Some(Duration::from_secs(5 * 60)),
            stale_after: Duration::from_secs(60),
            once_markers: Some(Duration::from_secs(60)),
            optimize: Some(DAY),
            vacuum: None,
        }
    }
}

impl MaintenanceBuilder {
    /// Sets how often the server is asked for sessions of this user and database that have been idle in
    /// a transaction for too long; `None` means never. Every 5 min by default. Each such session is
    /// logged at level warn with its process id, its `application_name` and for how long it has been
    /// idle. None is ended. The operation is `dbop.maintenance.stale_sessions`.
    ///
    /// Such a session keeps its locks, and keeps the server from removing old rows. dbop's own sessions
    /// are ended by the server after
    /// [`idle_in_transaction_timeout`](crate::DbBuilder::idle_in_transaction_timeout), so those that are
    /// found belong to other programs, to other handles, or to pools of the application's. SQLite has no
    /// server that knows the sessions, and no such task.
    pub fn stale_sessions(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.plan.stale_sessions = every.into();
        self
    }

    /// Sets how long a session may be idle in a transaction before
    /// [`stale_sessions`](Self::stale_sessions) reports it. 60 s by default.
    pub fn stale_after(mut self, idle: Duration) -> Self {
        self.plan.stale_after = idle.min(FOREVER);
        self
    }

    /// Sets how often old markers of `once` operations are deleted, in batches; `None` leaves that to
    /// the calls. Every minute by default. Without maintenance, calls of `once` operations delete some
    /// now and then; they leave that to the task while it runs. The operation is
    /// `dbop.maintenance.once_markers`.
    pub fn once_markers(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.plan.once_markers = every.into();
        self
    }

    /// Sets how often the statistics of the database's planner are renewed; `None` means never. Daily by
    /// default. The operation is `dbop.maintenance.optimize`.
    ///
    /// On SQLite this is `PRAGMA optimize`, which looks only at tables that have changed, and which
    /// nobody else runs. On PostgreSQL this is `ANALYZE`. Autovacuum analyzes a table once a part of
    /// it has changed, but never a partitioned table itself, no temporary table, and nothing where it is
    /// switched off. A daily `ANALYZE` covers these, unless somebody has run one within that time; a
    /// database without them can do without.
    pub fn optimize(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.plan.optimize = every.into();
        self
    }

    /// Sets how often `VACUUM` runs; `None` means never, which is the default. The operation is
    /// `dbop.maintenance.vacuum`.
    ///
    /// On SQLite, `VACUUM` writes the whole file anew, needs as much disk once more, and blocks all
    /// writers meanwhile. On PostgreSQL it blocks nobody, and autovacuum does the same by itself.
    pub fn vacuum(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.plan.vacuum = every.into();
        self
    }

    /// Starts the maintenance in a task of its own, which ends when the returned handle is dropped or
    /// [stopped](Maintenance::stop), or when the [`Db`] is [shut down](Db::shutdown).
    ///
    /// Each task first runs at a random moment within its period, and within a minute at the latest.
    pub fn start(self) -> Maintenance {
        let plan = self.plan;
        let tasks = [
            (plan.stale_sessions, Work::StaleSessions(plan.stale_after)),
            (plan.once_markers, Work::OnceMarkers),
            (plan.optimize, Work::Optimize),
            (plan.vacuum, Work::Vacuum),
        ];
        let due = |(every, work): (Option<Duration>, Work)| {
            // A period of 0 would never let another task run.
            let every = every?.clamp(Duration::from_millis(1), FOREVER);
            Some(Task { every, work })
        };
        (self.start)(tasks.into_iter().filter_map(due).collect())
    }
}

impl fmt::Debug for MaintenanceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}
