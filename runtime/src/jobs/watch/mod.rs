//! [`Watcher`]: jobs as they change, for people who watch them.
//!
//! One task reads for all streams of a watcher and its clones. It starts with the first stream, and ends
//! after the last. A stream only waits for what the task tells it, so a stream that nobody polls holds
//! nobody up, and finds the newest state when it is polled again.
//!
//! On PostgreSQL, the order is: LISTEN, mark the job, read the job. A change that commits after the mark is
//! notified, and one that commits before the mark is read.
//!
//! What holds if the future of a stream's next item is dropped, or the stream, or if the task ends, at each
//! await:
//!
//! | dropped or ended while it waits for | holds |
//! |---|---|
//! | the next item of a stream | nothing was taken from the stream; the next poll returns the newest state |
//! | the stream itself, at any time | the task forgets the stream, and ends if this was the last one |
//! | the connection to open, in the task | the next attempt opens another |
//! | the mark of a job | the job may be marked, which costs a notification for each of its changes |
//! | the jobs to be read | nothing was told; they are read again |
//! | a notification, in the task | none is lost, because each is read as a whole or stays in the buffer |
//! | the wait after a lost connection | all jobs are read when the next connection is there |
//!
//! The task belongs to the background runtime of dbop, so it does not end with a runtime of the application.

mod bell;
#[cfg(feature = "postgres")]
pub(super) mod listener;
pub(super) mod row;
pub(super) mod source;
mod subscribers;
mod task;
mod updates;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bell::ears;
pub(super) use bell::{ring, ring_after_commit};
pub use updates::JobUpdates;

use self::subscribers::Subscribers;
use super::database::JobDatabase;
use crate::db::Db;

/// Watches jobs: whoever shows a job to people gets each change of it, without asking again and again.
///
/// ```
/// # async fn example(db: dbop::Db<sqlx::Sqlite>, id: i64) -> dbop::Result<()> {
/// use dbop::jobs::Watcher;
/// use futures_util::StreamExt;
///
/// let watcher = Watcher::new(&db); // one for the service
/// let mut updates = watcher.watch(id);
/// while let Some(job) = updates.next().await.transpose()? {
///     println!("{:?}: {:?}", job.state, job.progress);
/// } // the job has ended
/// # Ok(())
/// # }
/// ```
///
/// A clone is the same watcher. All streams of a watcher are fed by one task, which exists only while
/// there are streams.
///
/// | database | how a change is noticed |
/// |---|---|
/// | PostgreSQL | By a notification, on one connection of the watcher's own. Every 10 s, and after a lost connection, all jobs are looked at, which finds what a lost notification would have said. |
/// | SQLite | At once if the change was made by a handle of this process. Other processes cannot tell, so all jobs are looked at every 500 ms, with one query. |
///
/// On PostgreSQL, a notification takes a lock that all commits with notifications share, so only jobs that
/// somebody watches send any: the first stream of a job marks it, with the key `dbop:watched` of its
/// metadata. The handle needs the right to change `river_job`. Behind a pooler that gives a connection to
/// somebody else after each transaction, such as PgBouncer in its mode `transaction`, no notification
/// arrives, and only the looks tell.
///
/// [The guide](crate::guide::jobs) has a route of axum that sends the changes to a browser.
pub struct Watcher<DB: JobDatabase> {
    subscribers: Arc<Subscribers<DB>>,
}

impl<DB: JobDatabase> Watcher<DB> {
    /// Returns a watcher of the jobs of this database. Nothing is sent until a stream is polled.
    #[must_use]
    pub fn new(db: &Db<DB>) -> Self {
        Self {
            subscribers: Arc::new(Subscribers::new(db.clone(), DB::LOOK_EVERY)),
        }
    }

    /// Sets how often all watched jobs are looked at: 10 s by default on PostgreSQL, where this is a
    /// second line of defence, and 500 ms on SQLite, where this is how the changes of other processes are
    /// noticed. At least 10 ms. Streams that exist are not changed.
    #[must_use]
    pub fn look_every(self, every: Duration) -> Self {
        let every = every.max(Duration::from_millis(10));
        Self {
            subscribers: Arc::new(Subscribers::new(self.subscribers.db.clone(), every)),
        }
    }

    /// Returns the states of a job: the present one, and then each change of its state, its progress, its
    /// steps or its output. What changes quickly may be left out: each item is the job as a whole, as
    /// [`Jobs::get`](super::Jobs::get) returns it. The last item shows a
    /// [final](super::JobState::is_final) state. There is no item if there is no job of this id, and the
    /// stream ends if the job is deleted.
    ///
    /// The stream outlives a lost connection and an outage of the database: it goes on when the database
    /// answers again. A job that waits for its next attempt is watched on.
    ///
    /// # Errors
    ///
    /// The stream ends with an error if the jobs cannot be read and waiting would not help, for example
    /// because the tables are not there, and with
    /// [`ShuttingDown`](crate::ErrorKind::ShuttingDown) when the handle is shut down.
    pub fn watch(&self, id: i64) -> JobUpdates {
        JobUpdates::of(Arc::clone(&self.subscribers), id)
    }
}

impl<DB: JobDatabase> Clone for Watcher<DB> {
    fn clone(&self) -> Self {
        Self {
            subscribers: Arc::clone(&self.subscribers),
        }
    }
}

impl<DB: JobDatabase> fmt::Debug for Watcher<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("streams", &self.subscribers.count())
            .finish_non_exhaustive()
    }
}
