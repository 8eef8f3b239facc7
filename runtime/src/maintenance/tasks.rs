//! The tasks, each of them an operation.

use std::time::Duration;

use futures_core::future::BoxFuture;

use crate::backend::Backend;
use crate::call::operation;
use crate::db::Db;
use crate::error::Result;
use crate::once::BATCH;
use crate::op::Op;
use crate::session::Conn;

/// One task, and how often it is due.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    pub(super) every: Duration,
    pub(super) work: Work,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Reports sessions that have been idle in a transaction for longer than this.
    StaleSessions(Duration),
    OnceMarkers,
    Optimize,
    Vacuum,
}

static STALE_SESSIONS: Op =
    Op::operation("dbop.maintenance.stale_sessions", file!(), line!()).timeout_ms(60_000);
static ONCE_MARKERS: Op = Op::operation("dbop.maintenance.once_markers", file!(), line!())
    .idempotent()
    .timeout_ms(60_000);
static OPTIMIZE: Op = Op::operation("dbop.maintenance.optimize", file!(), line!())
    .idempotent()
    .timeout_ms(600_000)
    .holds_long();
static VACUUM: Op = Op::operation("dbop.maintenance.vacuum", file!(), line!())
    .retry_never()
    .timeout_ms(3_600_000)
    .holds_long();

impl Work {
    pub(super) fn op(self) -> &'static Op {
        match self {
            Self::StaleSessions(_) => &STALE_SESSIONS,
            Self::OnceMarkers => &ONCE_MARKERS,
            Self::Optimize => &OPTIMIZE,
            Self::Vacuum => &VACUUM,
        }
    }
}

/// A database that dbop maintains: SQLite and PostgreSQL. The trait is sealed, as [`Backend`] is.
pub trait Maintained: Backend {
    /// What tells the database that a process does maintenance.
    #[doc(hidden)]
    type Turn: Send + Default;

    /// Whether the database has such a task.
    #[doc(hidden)]
    fn has(work: Work) -> bool;

    /// Whether this process is to do the task now. No other process does it at the same time.
    #[doc(hidden)]
    fn take_turn<'t>(
        db: &'t Db<Self>,
        turn: &'t mut Self::Turn,
        task: Task,
    ) -> BoxFuture<'t, Result<bool>>;

    /// Gives the turn back. `done`: no other process need do the task before it is due again.
    #[doc(hidden)]
    fn end_turn<'t>(
        db: &'t Db<Self>,
        turn: &'t mut Self::Turn,
        task: Task,
        done: bool,
    ) -> BoxFuture<'t, Result<()>>;

    /// Does the task, or a part of it. Returns how many rows were changed.
    #[doc(hidden)]
    fn work<'c>(conn: &'c mut Conn<'_, Self>, task: Task) -> BoxFuture<'c, Result<u64>>;
}

/// Does a task, or a part of it. Returns whether there is more to do, such as further old markers: each
/// batch of them is a call of its own, so that others get their turn.
pub(super) async fn carry_out<DB: Maintained>(db: &Db<DB>, task: Task) -> Result<bool> {
    let changed = operation(db, task.work.op(), async |conn| DB::work(conn, task).await).await?;
    Ok(changed >= BATCH)
}
