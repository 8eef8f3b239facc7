//! Jobs: how they are listed, and what is done about many of them.

use std::time::SystemTime;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dbop::Db;
use dbop::http::Problem;
use dbop::jobs::{JobDatabase, JobFilter, JobInfo, JobState, Progress};
use serde::de::IntoDeserializer;
use serde::de::value::Error as Unreadable;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A job as clients see it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    id: i64,
    kind: String,
    state: JobState,
    attempt: i32,
    max_attempts: i32,
    created_at: DateTime<Utc>,
    /// When the next attempt is due.
    due_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    arguments: Value,
    output: Option<Value>,
    progress: Option<Progress>,
    steps: Vec<String>,
    /// What went wrong last.
    error: Option<String>,
    tags: Vec<String>,
}

impl From<JobInfo> for Shown {
    fn from(job: JobInfo) -> Self {
        let time = |time: SystemTime| DateTime::<Utc>::from(time);
        Self {
            id: job.id,
            kind: job.kind,
            state: job.state,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            created_at: time(job.created_at),
            due_at: time(job.scheduled_at),
            ended_at: job.finalized_at.map(time),
            arguments: job.arguments,
            output: job.output,
            progress: job.progress,
            steps: job.steps,
            error: job.errors.into_iter().next_back().map(|last| last.error),
            tags: job.tags,
        }
    }
}

/// Which jobs are listed: those that fit all that is given. Each may be several words with commas between.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    kind: Option<String>,
    state: Option<String>,
    queue: Option<String>,
    tag: Option<String>,
    /// The id of the last job of the page before.
    after: Option<i64>,
    limit: Option<u32>,
}

/// How many jobs a page has at most, and how many if nobody says.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

#[derive(Serialize)]
pub(super) struct Jobs {
    jobs: Vec<Shown>,
    /// What the next page begins after; `None` on the last page.
    next: Option<i64>,
}

pub(super) async fn list<DB: JobDatabase>(
    State(db): State<Db<DB>>,
    Query(listed): Query<Listed>,
) -> Result<Json<Jobs>, Problem> {
    let limit = listed.limit.unwrap_or(USUAL).clamp(1, MOST);
    let filter = listed.filter()?.limit(limit + 1); // the last one tells of another page
    let mut jobs = db.jobs().list(&filter).await?;
    let has_next = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next = jobs.last().map(|job| job.id).filter(|_| has_next);
    let jobs = jobs.into_iter().map(Shown::from).collect();
    Ok(Json(Jobs { jobs, next }))
}

impl Listed {
    fn filter(&self) -> Result<JobFilter, Problem> {
        let states: Result<Vec<_>, _> = words(&self.state).map(state).collect();
        let mut filter = JobFilter::new()
            .kinds(words(&self.kind))
            .queues(words(&self.queue))
            .tags(words(&self.tag))
            .states(states?);
        if let Some(after) = self.after {
            filter = filter.after(after);
        }
        Ok(filter)
    }
}

fn words(text: &Option<String>) -> impl Iterator<Item = &str> {
    let words = text.iter().flat_map(|text| text.split(','));
    words.map(str::trim).filter(|word| !word.is_empty())
}

fn state(word: &str) -> Result<JobState, Problem> {
    let state = JobState::deserialize(word.into_deserializer());
    state.map_err(|error: Unreadable| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_state",
            error.to_string(),
        )
    })
}

pub(super) async fn find<DB: JobDatabase>(
    State(db): State<Db<DB>>,
    Path(id): Path<i64>,
) -> Result<Json<Shown>, Problem> {
    let job = db.jobs().get(id).await?.ok_or_else(no_such_job)?;
    Ok(Json(job.into()))
}

pub(super) fn no_such_job() -> Problem {
    let detail = "There is no such job. Jobs are deleted some time after they have ended.";
    Problem::new(StatusCode::NOT_FOUND, "no_such_job", detail)
}

/// The jobs about which something is done: those that fit all that is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct Chosen {
    ids: Vec<i64>,
    kinds: Vec<String>,
    queues: Vec<String>,
    states: Vec<JobState>,
    tags: Vec<String>,
    /// All jobs are meant if nothing else is given.
    all: bool,
}

impl Chosen {
    /// Refuses to choose all jobs by mistake.
    fn filter(self) -> Result<JobFilter, Problem> {
        let chooses = !self.ids.is_empty()
            || !self.kinds.is_empty()
            || !self.queues.is_empty()
            || !self.states.is_empty()
            || !self.tags.is_empty();
        if !chooses && !self.all {
            let detail = "Name jobs by ids, kinds, queues, states or tags, or write \"all\": true.";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Problem::new(status, "no_jobs_are_named", detail));
        }
        Ok(JobFilter::new()
            .ids(self.ids)
            .kinds(self.kinds)
            .queues(self.queues)
            .states(self.states)
            .tags(self.tags))
    }
}

#[derive(Serialize)]
pub(super) struct Changed {
    changed: u64,
}

pub(super) async fn cancel<DB: JobDatabase>(
    State(db): State<Db<DB>>,
    Json(chosen): Json<Chosen>,
) -> Result<Json<Changed>, Problem> {
    let changed = db.jobs().cancel(&chosen.filter()?).await?;
    Ok(Json(Changed { changed }))
}

pub(super) async fn retry<DB: JobDatabase>(
    State(db): State<Db<DB>>,
    Json(chosen): Json<Chosen>,
) -> Result<Json<Changed>, Problem> {
    let changed = db.jobs().retry(&chosen.filter()?).await?;
    Ok(Json(Changed { changed }))
}

pub(super) async fn delete<DB: JobDatabase>(
    State(db): State<Db<DB>>,
    Json(chosen): Json<Chosen>,
) -> Result<Json<Changed>, Problem> {
    let changed = db.jobs().delete(&chosen.filter()?).await?;
    Ok(Json(Changed { changed }))
}
