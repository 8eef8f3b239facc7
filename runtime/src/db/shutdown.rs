//! [`Db::shutdown`]: the end of a handle.
//!
//! What holds if the future of `shutdown` is dropped, or its task with the runtime, at each await:
//!
//! | dropped while it waits for | calls that run | new calls | connections |
//! |---|---|---|---|
//! | another shutdown | as that one says | refused | as that one says |
//! | calls and hooks, before the deadline | finish, and are not cut off by anybody | refused | open |
//! | the `COMMIT`s under way, after the deadline | have ended, but for these | refused | open, until their calls give them back |
//! | the connections to close | have ended | refused | closed as they come back; nobody waits for that |
//!
//! The next `shutdown` or `close` goes on where the dropped one stood, with the deadline of the first.
//! Nothing that was acknowledged is lost anywhere: a transaction is rolled back only by its own call.

use std::time::Duration;

use super::handle::Db;
use crate::backend::Backend;
use crate::policy::Shutdown;

impl<DB: Backend> Db<DB> {
    /// Shuts the handle down: no call begins any more, calls that run have this long to finish and
    /// their hooks to run, and all connections are closed.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), dbop::Error> {
    /// use std::time::Duration;
    ///
    /// let db = dbop::Db::<sqlx::Sqlite>::connect("sqlite::memory:").await?;
    /// let shutdown = db.shutdown(Duration::from_secs(20)).await;
    /// assert!(shutdown.is_complete());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    ///
    /// What holds for whom:
    ///
    /// | | until the deadline | at the deadline |
    /// |---|---|---|
    /// | a new call | [`ErrorKind::ShuttingDown`](crate::ErrorKind::ShuttingDown), with the category `Resource` and the HTTP status 503 | the same |
    /// | a call that runs or waits for a connection | finishes | ends with the same error: a transaction is rolled back, and `outcome` says what is known |
    /// | a call that waits to try again | finishes | ends with the error of its last attempt |
    /// | a joined call in a call that runs; a call on the handle in a body or a hook | is let in | ends with its outer call |
    /// | a `COMMIT` under way | is waited for | has 5 s more; then its outcome is unknown |
    /// | a hook | is waited for | goes on, and is named in what this returns |
    /// | a call that runs in a task that a body has spawned | as a new call | |
    ///
    /// Returns as soon as everything has ended, and 6 s after the deadline at the latest. A second
    /// `shutdown` of the handle or of one of its clones waits for the first and returns the same, and
    /// its own time does not count. [`close`](Self::close) is a shutdown whose time is the setting
    /// [`close_timeout`](crate::DbBuilder::close_timeout).
    ///
    /// If the future is dropped, no call begins any more all the same, and the calls that run are left
    /// to themselves; the next `shutdown` goes on from there.
    ///
    /// Calls on [`pool`](Self::pool) itself do not belong to the handle. They fail once the pools are
    /// closed, and those that run are waited for only then. An [advisory lock](Self#method.advisory_lock)
    /// has a connection of its own and stays until its guard is dropped.
    pub async fn shutdown(&self, time: Duration) -> Shutdown {
        Box::pin(self.running().shut_down(time, || self.close_pools())).await
    }
}
