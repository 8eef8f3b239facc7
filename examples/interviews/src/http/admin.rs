//! What administrators do. The token is asked for in one place, so no route can forget it.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::{delete, get, post, put};
use axum::{Router, middleware};
use dbop::AnyDb;
use dbop::http::{IdempotencyKey, Problem};
use serde::{Deserialize, Serialize};

use super::App;
use super::access::{Token, administrators};
use super::extract::{Json, Listed, Path, Query};
use crate::admin::{self, Counts, Operation, RoleReport};
use crate::catalogue::{self, Category, Role};
use crate::feedback;
use crate::logs::{self, LogFilter, LogLine, NewLogLine};
use crate::page::Paging;
use crate::questions::{self, NewQuestion, Question, Revision};
use crate::values::{CategorySlug, Line, LogId, Price, QuestionId, RoleSlug, Time};

pub(super) fn routes(token: Token) -> Router<App> {
    Router::new()
        .route("/admin/counts", get(counts))
        .route("/admin/report", get(report))
        .route("/admin/operations", get(operations))
        .route("/admin/roles/{role}", put(put_role))
        .route("/admin/categories/{category}", put(put_category))
        .route("/admin/questions", post(add_questions))
        .route(
            "/admin/questions/{id}",
            delete(remove_question).patch(revise_question),
        )
        .route("/admin/questions/{id}/retired", put(retire_question))
        .route(
            "/admin/logs",
            get(page_of_logs).post(write_log).delete(purge_logs),
        )
        .route_layer(middleware::from_fn_with_state(token, administrators))
}

#[derive(Serialize)]
struct CountsAndQueue {
    #[serde(flatten)]
    counts: Counts,
    sessions_without_feedback: i64,
}

async fn counts(State(db): State<AnyDb>) -> Result<Json<CountsAndQueue>, Problem> {
    Ok(Json(CountsAndQueue {
        counts: admin::counts(&db).await?,
        sessions_without_feedback: feedback::waiting(&db).await?,
    }))
}

async fn report(State(db): State<AnyDb>) -> Result<Json<Vec<RoleReport>>, Problem> {
    Ok(Json(admin::report(&db).await?))
}

async fn operations() -> Json<Vec<Operation>> {
    Json(admin::operations())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleBody {
    title: Line,
    cents: Price,
}

async fn put_role(
    State(db): State<AnyDb>,
    Path(role): Path<RoleSlug>,
    Json(RoleBody { title, cents }): Json<RoleBody>,
) -> Result<Json<Role>, Problem> {
    let role = Role { role, title, cents };
    catalogue::put_role(&db, &role).await?;
    Ok(Json(role))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryBody {
    title: Line,
}

async fn put_category(
    State(db): State<AnyDb>,
    Path(category): Path<CategorySlug>,
    Json(CategoryBody { title }): Json<CategoryBody>,
) -> Result<Json<Category>, Problem> {
    let category = Category { category, title };
    catalogue::put_category(&db, &category).await?;
    Ok(Json(category))
}

#[derive(Serialize)]
struct Added {
    added: u64,
}

async fn add_questions(
    State(db): State<AnyDb>,
    Json(new): Json<Vec<NewQuestion>>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    let added = questions::add(&db, &new).await?;
    Ok((StatusCode::CREATED, Json(Added { added })))
}

async fn revise_question(
    State(db): State<AnyDb>,
    Path(id): Path<QuestionId>,
    Json(revision): Json<Revision>,
) -> Result<Json<Question>, Problem> {
    Ok(Json(questions::revise(&db, id, &revision).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retired {
    retired: bool,
}

async fn retire_question(
    State(db): State<AnyDb>,
    Path(id): Path<QuestionId>,
    Json(Retired { retired }): Json<Retired>,
) -> Result<Json<Question>, Problem> {
    Ok(Json(questions::retire(&db, id, retired).await?))
}

async fn remove_question(
    State(db): State<AnyDb>,
    Path(id): Path<QuestionId>,
) -> Result<StatusCode, Problem> {
    questions::remove(&db, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn write_log(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Json(new): Json<NewLogLine>,
) -> Result<(StatusCode, Json<LogLine>), Problem> {
    Ok((
        StatusCode::CREATED,
        Json(logs::record(&db, &key, &new).await?),
    ))
}

async fn page_of_logs(
    State(db): State<AnyDb>,
    uri: Uri,
    Query(filter): Query<LogFilter>,
    Query(paging): Query<Paging<LogId>>,
) -> Result<Listed<LogLine>, Problem> {
    Ok(Listed::new(&uri, logs::page(&db, &filter, paging).await?))
}

/// Which lines are purged. A filter that is not known is refused, because it would keep nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Older {
    before: Time,
}

#[derive(Serialize)]
struct Purged {
    purged: u64,
}

async fn purge_logs(
    State(db): State<AnyDb>,
    Query(Older { before }): Query<Older>,
) -> Result<Json<Purged>, Problem> {
    let purged = logs::purge(&db, before).await?;
    Ok(Json(Purged { purged }))
}
