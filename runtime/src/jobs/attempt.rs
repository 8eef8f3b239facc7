//! One attempt of a job, from its arguments to what becomes of the job.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde_json::Value;
use tokio::time::timeout;

use super::admission::{Admission, admit, leave};
use super::database::JobDatabase;
use super::engine::json::unreadable;
use super::fetched::Fetched;
use super::job::Job;
use super::kind::RunsOn;
use super::options::JobOptions;
use super::rescue::{Following, give_up};
use super::shared::Shared;
use super::verdict::Verdict;
use crate::rt::duration_text;

/// How long a body may go on after it was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How long a job waits that could not be admitted, or not be given up.
const AGAIN: Duration = Duration::from_secs(5);

/// What has come of an attempt.
#[derive(Debug)]
pub(super) enum Came {
    Complete(Option<Value>),
    Snooze {
        wait: Duration,
        /// Whether the job has its turn after that.
        reserved: bool,
    },
    Failed(String),
    Cancelled(String),
    /// The job waits for a slot, and does not run any more.
    PutAside,
    /// The body has ended because the job was to stop.
    Stopped,
}

impl Came {
    /// Returns this with an error that each database can store. JSON in PostgreSQL has no character
    /// U+0000, and River writes the results of all jobs that have ended in one statement, so that one
    /// such error would keep back the results of all others.
    fn storable(self) -> Self {
        let storable = |error: String| error.replace('\0', "\u{fffd}");
        match self {
            Self::Failed(error) => Self::Failed(storable(error)),
            Self::Cancelled(error) => Self::Cancelled(storable(error)),
            other => other,
        }
    }
}

/// Runs an attempt.
pub(super) async fn work<K: RunsOn<DB>, DB: JobDatabase>(
    shared: &Arc<Shared<DB>>,
    fetched: Fetched,
    arguments: &str,
) -> Came {
    let options = K::options();
    let arguments: K::Arguments = match serde_json::from_str(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = "the arguments cannot be read, because they are those of another version of the \
                        function or of another program";
            return fail(shared, &fetched, format!("{text}: {}", unreadable(&error))).await;
        }
    };
    // An attempt that this process had before it was declared dead may still be running here.
    let _alone = shared.only_attempt(fetched.id).await;
    let concurrency = K::concurrency(&arguments);
    match admit(shared, &fetched, concurrency.as_ref(), K::rate(&arguments)).await {
        Ok(Admission::Granted) => {}
        Ok(Admission::NotYet(wait)) => {
            return Came::Snooze {
                wait,
                reserved: true,
            };
        }
        Ok(Admission::PutAside) => return Came::PutAside,
        Err(error) => return not_admitted(&error),
    }
    let fetched = Arc::new(fetched);
    let job = Job::new(Arc::clone(shared), Arc::clone(&fetched), options.idempotent);
    let came = run(shared, &fetched, &options, K::run(job, arguments)).await;
    if concurrency.is_some() {
        leave(shared, &fetched).await;
    }
    match came.storable() {
        Came::Failed(error) => fail(shared, &fetched, error).await,
        Came::Cancelled(error) if fetched.follow_up.is_some() => {
            given_up(shared, &fetched, Following::Cancelled, error).await
        }
        came => came,
    }
}

/// Runs the body until it ends, or until it has had time to end.
async fn run<DB: JobDatabase>(
    shared: &Shared<DB>,
    fetched: &Fetched,
    options: &JobOptions,
    body: impl Future<Output = super::Ended>,
) -> Came {
    let cancelled = &fetched.cancelled;
    let lost = shared.lost();
    let timed_out = AtomicBool::new(false);
    let is_over = async {
        let stops = timeout(options.timeout, cancelled.cancelled());
        match select(pin!(stops), pin!(lost.cancelled())).await {
            // Another worker may have the job from now on.
            Either::Right(_) => return,
            Either::Left((Ok(()), _)) => {}
            Either::Left((Err(_), _)) => {
                timed_out.store(true, Ordering::Relaxed);
                cancelled.cancel();
            }
        }
        let _ = timeout(GRACE, lost.cancelled()).await;
    };
    let body = AssertUnwindSafe(body).catch_unwind();
    match select(pin!(body), pin!(is_over)).await {
        Either::Left((Ok(ended), _)) => match ended.0 {
            Verdict::Complete(output) => Came::Complete(output),
            Verdict::Snooze(wait) => Came::Snooze {
                wait,
                reserved: false,
            },
            Verdict::Retry(_) if timed_out.load(Ordering::Relaxed) => {
                Came::Failed(too_late(options.timeout))
            }
            // The error is that of a step that was cut off.
            Verdict::Retry(_) if cancelled.is_cancelled() => Came::Stopped,
            Verdict::Retry(error) => Came::Failed(error),
            Verdict::Cancel(error) => Came::Cancelled(error),
        },
        Either::Left((Err(panic), _)) => {
            Came::Failed(format!("the job panicked: {}", said(&*panic)))
        }
        Either::Right(_) if timed_out.load(Ordering::Relaxed) => {
            Came::Failed(too_late(options.timeout))
        }
        Either::Right(_) => Came::Stopped,
    }
}

fn too_late(limit: Duration) -> String {
    let limit = duration_text(limit);
    format!(
        "the job has not ended within its timeout of {limit}; raise it with `timeout = \"..\"` if the work needs \
         longer"
    )
}

/// What a panic has said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

fn not_admitted(error: &crate::Error) -> Came {
    tracing::warn!(
        error.message = %error,
        "a job could not be admitted, and is tried again"
    );
    Came::Snooze {
        wait: AGAIN,
        reserved: false,
    }
}

/// Ends an attempt that has failed. The last attempt is given up by dbop if another job is to follow, in
/// the transaction that enqueues the other job.
async fn fail<DB: JobDatabase>(shared: &Shared<DB>, fetched: &Fetched, error: String) -> Came {
    if fetched.follow_up.is_some() && fetched.attempt >= fetched.max_attempts {
        return given_up(shared, fetched, Following::Discarded, error).await;
    }
    Came::Failed(error)
}

async fn given_up<DB: JobDatabase>(
    shared: &Shared<DB>,
    fetched: &Fetched,
    as_what: Following,
    error: String,
) -> Came {
    match give_up(shared, fetched, as_what, &error).await {
        // River finds that the job does not run any more.
        Ok(()) => match as_what {
            Following::Discarded => Came::Failed(error),
            Following::Cancelled => Came::Cancelled(error),
        },
        // Without the job that is to follow, nobody would learn of this. So the job runs once more.
        Err(error) => not_admitted(&error),
    }
}
