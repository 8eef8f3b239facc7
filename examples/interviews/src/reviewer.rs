//! The task that gives feedback. It has a clone of the handle, and a session of the database only while
//! one of its calls runs.

use std::sync::Arc;
use std::time::Duration;

use dbop::{AnyDb, ErrorKind};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::error::{InterviewError, Result};
use crate::feedback;

/// Tells the reviewer that there is work. What the work is stands in the database, so nothing is lost
/// when nobody listens.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// The running task. It ends when this is dropped: in the middle of a call, all of its transaction is
/// stored or nothing.
#[derive(Debug)]
pub struct Reviewer(JoinHandle<()>);

impl Reviewer {
    #[must_use = "the reviewer ends when this is dropped"]
    pub fn start(db: AnyDb, wake: Wake) -> Self {
        Self(tokio::spawn(review(db, wake)))
    }
}

impl Drop for Reviewer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long the reviewer waits after a failure. dbop has tried again before, within the deadline.
const PAUSE: Duration = Duration::from_secs(5);

/// How long the reviewer waits for whoever holds the sessions that are left.
const HELD: Duration = Duration::from_secs(1);

async fn review(db: AnyDb, wake: Wake) {
    loop {
        match look(&db, &wake).await {
            Ok(()) => {}
            Err(InterviewError::Database(error)) if error.kind() == ErrorKind::ShuttingDown => {
                return;
            }
            Err(error) => {
                tracing::warn!("feedback has to wait: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Gives feedback once, or waits until there may be something to do. A session that is held by a
/// request, or by a reviewer in another process, waits for its feedback still.
async fn look(db: &AnyDb, wake: &Wake) -> Result<()> {
    if feedback::give_next(db).await?.is_some() {
        return Ok(());
    }
    match feedback::waiting(db).await? {
        0 => wake.0.notified().await,
        _ => sleep(HELD).await,
    }
    Ok(())
}
