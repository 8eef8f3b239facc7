//! [`JobUpdates`]: the stream of one who watches a job.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use futures_util::stream::{once, unfold};

use super::subscribers::{Subscribers, Subscription, Told};
use super::task::subscribe;
use crate::error::{Error, ErrorKind, Result};
use crate::jobs::database::JobDatabase;
use crate::jobs::info::JobInfo;

/// The states of a job, which [`Watcher::watch`](super::Watcher::watch) returns.
#[must_use = "nothing is watched until the stream is polled"]
pub struct JobUpdates(BoxStream<'static, Result<JobInfo>>);

impl JobUpdates {
    pub(super) fn of<DB: JobDatabase>(subscribers: Arc<Subscribers<DB>>, id: i64) -> Self {
        let subscribed = once(async move { subscribe(subscribers, id) });
        let told = subscribed.flat_map(|subscription| unfold(Some(subscription), next));
        Self(told.fuse().boxed())
    }
}

/// Waits for the next item. With the last one, the subscription ends.
async fn next<DB: JobDatabase>(
    subscription: Option<Subscription<DB>>,
) -> Option<(Result<JobInfo>, Option<Subscription<DB>>)> {
    let mut subscription = subscription?;
    match subscription.told().await {
        Some(Told::Job(job)) if job.state.is_final() => Some((Ok(JobInfo::clone(&job)), None)),
        Some(Told::Job(job)) => Some((Ok(JobInfo::clone(&job)), Some(subscription))),
        Some(Told::NoJob) => None,
        Some(Told::Failed(error)) => Some((Err(error.copy()), None)),
        Some(Told::NothingYet) | None => {
            let why = "the task that looks at jobs has panicked; watch the job again";
            Some((Err(Error::programming(ErrorKind::Interrupted, why)), None))
        }
    }
}

impl Stream for JobUpdates {
    type Item = Result<JobInfo>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for JobUpdates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobUpdates").finish_non_exhaustive()
    }
}
