//! What is to be done. Each route enqueues jobs and answers at once, so a client can repeat a request until
//! it has an answer: a job that is there already is not enqueued a second time.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dbop::AnyDb;
use dbop::http::Problem;
use dbop::jobs::{Enqueued, JobDatabase};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Service;
use crate::cycles;
use crate::error::PlanningError;
use crate::planning::{create_cycle_report_planning, plan};
use crate::run::{self, Cycle};
use crate::samples::{MOST, generate};
use crate::scraping::scrape;
use crate::site::FIRST;

/// The answer about a job that was enqueued, or was there already.
struct Accepted(Enqueued);

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let Enqueued { id, duplicate, .. } = self.0;
        let location = [(header::LOCATION, format!("/jobs/{id}"))];
        let body = Json(json!({"job": id, "duplicate": duplicate}));
        (StatusCode::ACCEPTED, location, body).into_response()
    }
}

/// Adds a cycle with all of its jobs.
pub(super) async fn begin(
    State(db): State<AnyDb>,
    Json(cycle): Json<Cycle>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let jobs = run::enqueue(&db, cycle).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"jobs": jobs}))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    cycle: i64,
    report: i64,
    /// How many samples of each attribute are made afterwards.
    #[serde(default)]
    samples: i32,
}

pub(super) async fn plan_report(
    State(db): State<AnyDb>,
    Json(of): Json<Report>,
) -> Result<impl IntoResponse, Problem> {
    if !(0..=MOST).contains(&of.samples) {
        return Err(PlanningError::Samples(MOST).into());
    }
    cycles::find(&db, of.cycle, of.report).await?; // or 404
    let enqueued = plan::enqueue(&db, of.cycle, of.report, of.samples).await?;
    Ok(Accepted(enqueued))
}

#[derive(Serialize)]
pub(super) struct Stored {
    attributes: usize,
}

/// Plans a report while the client waits.
pub(super) async fn plan_now<DB: JobDatabase>(
    State(service): State<Service<DB>>,
    Json(of): Json<Report>,
) -> Result<Json<Stored>, Problem> {
    let (db, model) = (&service.any, &service.clients.model);
    let attributes = create_cycle_report_planning(db, model, of.cycle, of.report).await?;
    Ok(Json(Stored { attributes }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Samples {
    cycle: i64,
    report: i64,
    /// How many of each attribute.
    each: i32,
}

pub(super) async fn make_samples(
    State(db): State<AnyDb>,
    Json(of): Json<Samples>,
) -> Result<impl IntoResponse, Problem> {
    if !(1..=MOST).contains(&of.each) {
        return Err(PlanningError::Samples(MOST).into());
    }
    cycles::find(&db, of.cycle, of.report).await?; // or 404
    let enqueued = generate::enqueue(&db, of.cycle, of.report, of.each).await?;
    Ok(Accepted(enqueued))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crawl {
    crawl: i64,
    /// The path of the page with which the crawl begins.
    first: Option<String>,
}

pub(super) async fn scrape_site(
    State(db): State<AnyDb>,
    Json(of): Json<Crawl>,
) -> Result<impl IntoResponse, Problem> {
    let first = of.first.unwrap_or_else(|| FIRST.to_owned());
    if !first.starts_with('/') {
        return Err(PlanningError::NoPath(first).into());
    }
    let enqueued = scrape::enqueue(&db, of.crawl, first).await?;
    Ok(Accepted(enqueued))
}
