//! Jobs as they change. Each event is the whole job as it stands, so nothing is missed by a client that was
//! away for a while.
//!
//! | a client | gets |
//! |---|---|
//! | begins | the job as it stands, and each change |
//! | sees the end of the job | the end of the answer |
//! | comes back after the end, as an `EventSource` does by itself | 204, after which it does not come back |
//! | comes back after it has missed the end | the end |
//! | comes back and the job was retried meanwhile | the job as it stands, and each change |

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use dbop::Db;
use dbop::http::Problem;
use dbop::jobs::{JobDatabase, JobFilter, JobInfo, JobState, JobUpdates, Watcher};
use futures_util::stream::{self, SelectAll, Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::Service;
use super::jobs::{Shown, no_such_job};

/// The events of one job.
pub(super) async fn of_job<DB: JobDatabase>(
    State(service): State<Service<DB>>,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = service.db.jobs().get(id).await?.ok_or_else(no_such_job)?;
    let seen = headers.get("last-event-id");
    if job.state.is_final() && seen.is_some_and(|seen| *seen == *event_id(&job)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let changes = until_failure(service.watcher.watch(id)).map(event);
    let events = changes.take_until(service.ending.cancelled_owned());
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// How often jobs are looked for that were enqueued meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// How many jobs a page follows.
const MOST: u32 = 200;

/// The events of all jobs that have not ended, those included that are enqueued later.
pub(super) async fn of_all<DB: JobDatabase>(State(service): State<Service<DB>>) -> Response {
    let changes = until_failure(changes_of_all(service.db, service.watcher));
    let events = changes
        .map(event)
        .take_until(service.ending.cancelled_owned());
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

fn changes_of_all<DB: JobDatabase>(
    db: Db<DB>,
    watcher: Watcher<DB>,
) -> impl Stream<Item = dbop::Result<JobInfo>> + Send + 'static {
    let followed = Followed {
        db,
        watcher,
        ids: HashSet::new(),
        changes: SelectAll::new(),
        look: Instant::now(),
    };
    stream::unfold(followed, async |mut followed| {
        loop {
            if let Some(change) = followed.next_before_look().await {
                return Some((change, followed));
            }
            if let Err(error) = followed.look().await {
                return Some((Err(error), followed));
            }
        }
    })
}

/// The jobs that a page follows.
struct Followed<DB: JobDatabase> {
    db: Db<DB>,
    watcher: Watcher<DB>,
    ids: HashSet<i64>,
    changes: SelectAll<JobUpdates>,
    look: Instant,
}

impl<DB: JobDatabase> Followed<DB> {
    /// Returns the next change, or `None` when it is time to look for more jobs.
    async fn next_before_look(&mut self) -> Option<dbop::Result<JobInfo>> {
        tokio::select! {
            biased;
            () = sleep_until(self.look) => None,
            Some(change) = self.changes.next() => {
                // One that was retried is followed anew.
                if let Ok(job) = &change && job.state.is_final() {
                    self.ids.remove(&job.id);
                }
                Some(change)
            }
        }
    }

    async fn look(&mut self) -> dbop::Result<()> {
        self.look = Instant::now() + LOOK;
        let open = JobFilter::new().states(OPEN).limit(MOST);
        for job in self.db.jobs().list(&open).await? {
            if self.ids.insert(job.id) {
                self.changes.push(self.watcher.watch(job.id));
            }
        }
        Ok(())
    }
}

/// The states of jobs that have not ended.
const OPEN: [JobState; 5] = [
    JobState::Available,
    JobState::Pending,
    JobState::Retryable,
    JobState::Running,
    JobState::Scheduled,
];

/// Ends with the first failure: the answer ends, and an `EventSource` asks anew.
fn until_failure(
    changes: impl Stream<Item = dbop::Result<JobInfo>> + Send + 'static,
) -> impl Stream<Item = JobInfo> + Send + 'static {
    let changes = changes.inspect(|change| {
        if let Err(error) = change {
            tracing::warn!("the changes of jobs cannot be told any more: {error}");
        }
    });
    changes
        .take_while(|change| std::future::ready(change.is_ok()))
        .filter_map(|change| std::future::ready(change.ok()))
}

fn event(job: JobInfo) -> Result<Event, Infallible> {
    let event = Event::default().event("job").id(event_id(&job));
    let event = event.json_data(Shown::from(job));
    Ok(event.unwrap_or_else(|_| Event::default().comment("a job cannot be shown")))
}

/// The id of an event. That of an end belongs to this end alone, also if the job is retried and ends again.
fn event_id(job: &JobInfo) -> String {
    let ended = job.finalized_at.filter(|_| job.state.is_final());
    let since = ended.and_then(|ended| ended.duration_since(std::time::UNIX_EPOCH).ok());
    match since {
        Some(since) => format!("{} ended {}", job.id, since.as_micros()),
        None => format!("{} goes on", job.id),
    }
}

/// The changes of one job over a websocket, which is closed after the end of the job.
pub(super) async fn socket<DB: JobDatabase>(
    State(service): State<Service<DB>>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    if !is_from_here(&headers) {
        let detail = "The page of another site may not read this.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "other_origin", detail));
    }
    service.db.jobs().get(id).await?.ok_or_else(no_such_job)?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        let changes = until_failure(service.watcher.watch(id));
        let changes = changes.take_until(service.ending.cancelled_owned());
        tell(socket, changes).await;
    }))
}

/// Whether a browser asks for a page of this service. A browser lets the pages of all sites open websockets,
/// and says which page it was.
fn is_from_here(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true; // no browser
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    origin.is_some_and(|(_, origin)| Some(origin) == host)
}

/// Sends each change until the last one, or until the client is gone.
async fn tell(mut socket: WebSocket, changes: impl Stream<Item = JobInfo>) {
    let mut changes = std::pin::pin!(changes);
    loop {
        let sent = tokio::select! {
            change = changes.next() => match change {
                Some(job) => socket.send(message(job)).await,
                None => {
                    let code = close_code::NORMAL;
                    let reason = Utf8Bytes::from_static("there is no more to tell");
                    let close = Message::Close(Some(CloseFrame { code, reason }));
                    // The client may have gone away already.
                    let _ = socket.send(close).await;
                    return;
                }
            },
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => Ok(()), // what clients say is not listened to
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

fn message(job: JobInfo) -> Message {
    let text = serde_json::to_string(&Shown::from(job)).expect("a job is JSON");
    Message::Text(text.into())
}
