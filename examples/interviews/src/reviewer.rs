//! The task that gives feedback. It has a clone of the handle, and a session of the database only while
//! one of its calls runs.

use std::sync::Arc;
use std::time::Duration;

use dbop::{AnyDb, ErrorKind};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::InterviewError;
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

async fn review(db: AnyDb, wake: Wake) {
    loop {
        match feedback::give_next(&db).await {
            Ok(Some(_)) => {}
            Ok(None) => wake.0.notified().await,
            Err(InterviewError::Database(error)) if error.kind() == ErrorKind::ShuttingDown => {
                return;
            }
            Err(error) => {
                tracing::warn!("feedback has to wait: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
