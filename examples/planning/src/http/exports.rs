//! What is stored, as files and as numbers.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dbop::AnyDb;
use dbop::http::Problem;
use serde::Deserialize;

use crate::analytics::{self, ReportNumbers};
use crate::export::{Format, What, export};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    cycle: i64,
}

pub(super) async fn analytics(
    State(db): State<AnyDb>,
    Query(Of { cycle }): Query<Of>,
) -> Result<Json<Vec<ReportNumbers>>, Problem> {
    Ok(Json(analytics::reports(&db, cycle).await?))
}

/// Sends a file such as `samples.csv` while it is read.
pub(super) async fn file(
    State(db): State<AnyDb>,
    Path(file): Path<String>,
    Query(Of { cycle }): Query<Of>,
) -> Result<Response, Problem> {
    let (what, format) = match &*file {
        "attributes.csv" => (What::Attributes, Format::Csv),
        "attributes.jsonl" => (What::Attributes, Format::JsonLines),
        "samples.csv" => (What::Samples, Format::Csv),
        "samples.jsonl" => (What::Samples, Format::JsonLines),
        _ => {
            let detail =
                "The files are attributes.csv, attributes.jsonl, samples.csv and samples.jsonl.";
            return Err(Problem::new(StatusCode::NOT_FOUND, "no_such_file", detail));
        }
    };
    let kind = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::JsonLines => "application/jsonl",
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file}\""),
        ),
    ];
    let body = Body::from_stream(export(db, what, format, cycle));
    Ok((headers, body).into_response())
}
