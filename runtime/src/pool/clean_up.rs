//! [`CleanUp`] and [`WayBack`]: how a connection is made fit for the next borrower, and goes back to its
//! pool.

use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::connect_hook::ConnectHook;
use super::free::SubPoolPermit;
use super::returns::{Followed, Returns};
use crate::backend::{Backend, Leftover, OpenedWith, Signals};

/// What makes a connection fit for the next borrower.
#[derive(Debug)]
pub(super) struct CleanUp<DB: Backend> {
    pub(super) left: Leftover,
    /// `None` if the session need not be reset.
    pub(super) reset: Option<Reset<DB>>,
    /// Whether the session was made read-only for the call.
    pub(super) guarded: bool,
}

/// What brings a session back to how it was when it was handed out first.
#[derive(Debug)]
pub(super) struct Reset<DB: Backend> {
    pub(super) opened: OpenedWith,
    pub(super) hook: Option<Arc<ConnectHook<DB>>>,
}

impl<DB: Backend> CleanUp<DB> {
    /// Cleans the connection up. Returns `false` if the connection has to be closed instead.
    pub(super) async fn run(self, conn: &mut DB::Connection, signals: Option<&Signals>) -> bool {
        let recovered = self.left != Leftover::Unfinished || DB::recover(conn).await;
        // If no statement was running any more, the order to stop has not been taken back yet.
        if let Some(signals) = signals {
            signals.clear_stop();
        }
        if !recovered {
            return false;
        }
        if let Some(reset) = self.reset {
            return reset.run(conn).await;
        }
        if self.left == Leftover::Transaction && !DB::leave_transaction(conn).await {
            return false;
        }
        let lift_guard = DB::READ_ONLY_OFF.into_sql_str();
        !self.guarded || DB::run(conn, lift_guard).await.is_ok()
    }
}

impl<DB: Backend> Reset<DB> {
    async fn run(self, conn: &mut DB::Connection) -> bool {
        if !DB::reset_session(conn, self.opened).await {
            return false;
        }
        match self.hook {
            Some(hook) => hook.run_again(conn, self.opened.read_only).await,
            None => true,
        }
    }
}

/// How a clean connection goes back to its pool.
///
/// A task takes it there, because the driver first asks the server whether the connection is fit
/// for use. The permit is released after that: released earlier, it would lead the next caller to a
/// sub-pool whose only connection is not back yet.
#[derive(Debug)]
pub(super) enum WayBack {
    /// Without a time limit.
    Patient,
    /// With the time limit that the pool watches for all its returning connections together.
    Together(Arc<Returns>),
    /// With a time limit of its own.
    Within(Duration),
}

impl WayBack {
    #[inline]
    pub(super) fn take<DB: Backend>(
        self,
        mut conn: PoolConnection<DB>,
        permit: Option<SubPoolPermit>,
        runtime: &Handle,
    ) {
        // If this future is dropped before its end, the connection is closed, and its place is free.
        // The future is made where it is spawned, because it is large and each move would copy it.
        let mut returning = || conn.return_to_pool();
        match self {
            Self::Together(returns) => returns.spawn(runtime, returning),
            Self::Patient => drop(runtime.spawn(Followed::by(returning(), permit))),
            Self::Within(limit) => {
                drop(runtime.spawn(Followed::by(timeout(limit, returning()), ())));
            }
        }
    }
}
