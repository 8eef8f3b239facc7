//! [`overview`]: what the page about jobs shows. It has neither arguments nor results, which may be secrets.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::database::JobDatabase;
use super::engine::refused::in_words;
use super::info::{JobState, Progress};
use super::queues::{Counted, QueueInfo};
use super::sql::{asked, json};
use crate::call::operation;
use crate::db::Db;
use crate::error::Result;
use crate::op::Op;

static OVERVIEW: Op = Op::operation("dbop.jobs.overview", file!(), line!()).read_only();

/// The longest error that is shown, in characters.
const LONGEST_ERROR: usize = 500;

/// The queues, the jobs that run or wait, and those that have failed last.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Overview {
    queues: Vec<Queue>,
    /// At most 50, in the order of their queues.
    running: Vec<RunningJob>,
    /// At most 20 in each state, those first that a worker fetches first.
    waiting: Vec<WaitingJob>,
    /// At most 20, the latest first.
    failures: Vec<FailedJob>,
}

#[derive(Debug, Serialize)]
struct Queue {
    queue: String,
    states: HashMap<JobState, u64>,
    oldest_waits_ms: Option<f64>,
}

#[derive(Debug, Deserialize, Serialize)]
struct RunningJob {
    id: i64,
    kind: String,
    queue: String,
    attempt: i32,
    max_attempts: i32,
    since_ms: Option<f64>,
    worker: Option<String>,
    #[serde(deserialize_with = "readable")]
    progress: Option<Progress>,
}

#[derive(Debug, Deserialize, Serialize)]
struct WaitingJob {
    id: i64,
    kind: String,
    queue: String,
    state: String,
    attempt: i32,
    max_attempts: i32,
    /// Less than 0 if the job is due already.
    due_in_ms: f64,
    #[serde(deserialize_with = "readable")]
    progress: Option<Progress>,
}

#[derive(Debug, Deserialize, Serialize)]
struct FailedJob {
    id: i64,
    kind: String,
    queue: String,
    state: String,
    attempt: i32,
    max_attempts: i32,
    ended_ms: f64,
    #[serde(deserialize_with = "in_short")]
    error: Option<String>,
}

/// What the statement returns.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    running: Option<Vec<RunningJob>>,
    waiting: Option<Vec<WaitingJob>>,
    failures: Option<Vec<FailedJob>>,
}

/// Reads progress. Another program may have written something else there.
fn readable<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Progress>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok().flatten())
}

fn in_short<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<String>, D::Error> {
    let error = Option::<String>::deserialize(deserializer)?;
    Ok(error.map(|error| {
        let words = in_words(error);
        match words.char_indices().nth(LONGEST_ERROR) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        }
    }))
}

/// Returns what there is to see of the jobs. `None` if their tables are not there.
pub(crate) async fn overview<DB: JobDatabase>(db: &Db<DB>) -> Result<Option<Overview>> {
    let sql = DB::JOB_SQL;
    let look = operation(db, &OVERVIEW, async |conn| {
        let is_there: bool = json::<DB, _>(asked(conn.view.reborrow(), sql.is_there, &[]).await?)?;
        if !is_there {
            return Ok(None);
        }
        let queues = asked(conn.view.reborrow(), sql.queues, &[]).await?;
        let shown = asked(conn.view.reborrow(), sql.overview, &[]).await?;
        Ok(Some((queues, shown)))
    });
    let Some((queues, shown)) = look.await? else {
        return Ok(None);
    };
    let queues = json::<DB, Vec<Counted>>(queues)?.into_iter();
    let shown: Shown = json::<DB, _>(shown)?;
    Ok(Some(Overview {
        queues: queues.map(QueueInfo::from).map(Queue::from).collect(),
        running: shown.running.unwrap_or_default(),
        waiting: shown.waiting.unwrap_or_default(),
        failures: shown.failures.unwrap_or_default(),
    }))
}

impl From<QueueInfo> for Queue {
    fn from(info: QueueInfo) -> Self {
        Self {
            queue: info.queue,
            states: info.states,
            oldest_waits_ms: info.oldest_waits.map(|waits| waits.as_secs_f64() * 1000.0),
        }
    }
}
