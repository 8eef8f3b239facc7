//! The task that reads jobs for all streams of a watcher.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::source::Source;
use super::subscribers::{Due, Subscribers, Subscription};
use crate::error::{Category, Error, ErrorKind, Result};
use crate::jobs::database::JobDatabase;
use crate::rt::background;

/// The most jobs that one query reads.
const AT_ONCE: usize = 100;

/// How long the database may take for one answer, and to open a connection.
const WITHIN: Duration = Duration::from_secs(10);

/// How long the task gathers what it hears, so that many changes at a time cost one query.
const GATHER: Duration = Duration::from_millis(10);

/// When a job is marked that somebody else had locked.
const MARK_AGAIN: Duration = Duration::from_millis(250);

/// The waits after the connection was lost: the first one, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Adds a stream, and starts the task if none runs.
pub(super) fn subscribe<DB: JobDatabase>(
    subscribers: Arc<Subscribers<DB>>,
    job: i64,
) -> Subscription<DB> {
    let (subscription, is_first) = Arc::clone(&subscribers).add(job);
    if is_first {
        // Neither the task nor its connection may end with a runtime of the application.
        background().spawn(run(subscribers));
    }
    subscription
}

/// Reads jobs until there are no streams any more.
async fn run<DB: JobDatabase>(subscribers: Arc<Subscribers<DB>>) {
    let _abandons = AbandonOnPanic(&subscribers);
    while subscribers.has_streams()
        && let Err(error) = follow_until_shutdown(&subscribers).await
    {
        // Streams that come from now on find out for themselves.
        subscribers.fail(error);
    }
}

/// Reads jobs until there are no streams any more. Fails when the handle is shut down, and if waiting would
/// not help.
async fn follow_until_shutdown<DB: JobDatabase>(subscribers: &Subscribers<DB>) -> Result<()> {
    let running = subscribers.db.running();
    let shutdown = pin!(running.shutdown().cancelled());
    match select(shutdown, pin!(follow_through_outages(subscribers))).await {
        Either::Right((followed, _)) => followed,
        Either::Left(_) => running.begin("dbop.jobs.watch").map(drop),
    }
}

async fn follow_through_outages<DB: JobDatabase>(subscribers: &Subscribers<DB>) -> Result<()> {
    let mut wait = FIRST_WAIT;
    loop {
        match follow(subscribers, &mut wait).await {
            Err(error) if passes(&error) => {
                tracing::warn!(error.message = %error, "watched jobs are read again soon");
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            followed => return followed,
        }
    }
}

/// Whether the database may answer again without anybody's help.
fn passes(error: &Error) -> bool {
    match error.category() {
        Category::Transient => true,
        Category::Resource => error.kind() != ErrorKind::ShuttingDown,
        Category::Cancelled => true, // by a timeout of the server's, for example
        _ => false,
    }
}

/// Reads jobs for as long as the connection lives. `Ok` means that there are no streams any more.
async fn follow<DB: JobDatabase>(subscribers: &Subscribers<DB>, wait: &mut Duration) -> Result<()> {
    // Without a stream there is no need for a connection.
    if !subscribers.has_streams() {
        return Ok(());
    }
    let mut source = in_time(DB::job_source(&subscribers.db)).await?;
    let mut next_look = Instant::now();
    let mut unmarked = Vec::new();
    loop {
        let now = Instant::now();
        if next_look <= now {
            subscribers.all_are_due();
            next_look = now + subscribers.look_every;
        }
        subscribers.are_due(unmarked.drain(..));
        let Some(due) = subscribers.take_due() else {
            return Ok(());
        };
        unmarked = read(subscribers, &mut *source, &due).await?;
        *wait = FIRST_WAIT;
        // The last jobs may have ended.
        if !subscribers.has_streams() {
            return Ok(());
        }
        let until = match unmarked.is_empty() {
            true => next_look,
            false => next_look.min(Instant::now() + MARK_AGAIN),
        };
        let heard = pause(subscribers, &mut *source, until).await?;
        subscribers.are_due(heard);
    }
}

/// Reads the jobs that are due, and tells their streams. Returns the jobs that will not tell of changes.
async fn read<DB: JobDatabase>(
    subscribers: &Subscribers<DB>,
    source: &mut dyn Source,
    due: &Due,
) -> Result<Vec<i64>> {
    let mut unmarked = Vec::new();
    for jobs in due.jobs.chunks(AT_ONCE) {
        let mut found = BTreeMap::new();
        for row in in_time(source.read(jobs)).await? {
            let will_tell = row.will_tell;
            let job = row.into_info();
            if !will_tell && !job.state.is_final() {
                unmarked.push(job.id);
            }
            found.insert(job.id, Arc::new(job));
        }
        subscribers.tell(due, jobs, &found);
    }
    Ok(unmarked)
}

/// Waits until a job has changed, a stream has come, or the last one has gone; not longer than until then.
/// Returns the jobs that have changed.
async fn pause<DB: JobDatabase>(
    subscribers: &Subscribers<DB>,
    source: &mut dyn Source,
    until: Instant,
) -> Result<Vec<i64>> {
    let mut heard = {
        let (comes_or_goes, is_late) = (
            pin!(subscribers.changed.notified()),
            pin!(sleep_until(until)),
        );
        match select(source.heard(), select(comes_or_goes, is_late)).await {
            Either::Left((heard, _)) => heard?,
            Either::Right(_) => return Ok(Vec::new()),
        }
    };
    sleep(GATHER).await;
    while let Some(more) = source.heard().now_or_never() {
        heard.extend(more?);
    }
    Ok(heard)
}

async fn in_time<T>(answers: impl Future<Output = Result<T>>) -> Result<T> {
    let answered = timeout(WITHIN, answers).await;
    answered.unwrap_or_else(|_| Err(Error::deadline("the database to tell the state of jobs")))
}

/// Lets the streams end if the task panics.
struct AbandonOnPanic<'a, DB: JobDatabase>(&'a Subscribers<DB>);

impl<DB: JobDatabase> Drop for AbandonOnPanic<'_, DB> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}
