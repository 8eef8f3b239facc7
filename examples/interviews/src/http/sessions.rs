use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post, put};
use dbop::AnyDb;
use dbop::http::{IdempotencyKey, Problem};
use serde::Deserialize;

use super::App;
use super::answers;
use super::extract::{Created, Json, Listed, Path, Query};
use crate::page::Paging;
use crate::payments::{self, Payment};
use crate::reviewer::Wake;
use crate::sessions::{self, NewSession, Session, SessionFilter, SessionWithQuestions};
use crate::values::{Cents, SessionId};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/sessions", get(page).post(create))
        .route("/sessions/{id}", get(find).delete(remove))
        .route("/sessions/{id}/start", post(start))
        .route("/sessions/{id}/finish", post(finish))
        .route("/sessions/{id}/cancel", post(cancel))
        .route("/sessions/{id}/payment", get(payment).post(pay))
        .route("/sessions/{id}/answers/{position}", put(answers::give))
        .route(
            "/sessions/{id}/answers/{position}/score",
            put(answers::score),
        )
}

/// One transaction, however many tables are written: the handler calls one operation.
async fn create(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Json(new): Json<NewSession>,
) -> Result<Created<SessionWithQuestions>, Problem> {
    let created = sessions::create_with_questions(&db, &key, &new).await?;
    Ok(Created(
        format!("/sessions/{}", created.session.id),
        created,
    ))
}

async fn page(
    State(db): State<AnyDb>,
    uri: Uri,
    Query(filter): Query<SessionFilter>,
    Query(paging): Query<Paging<SessionId>>,
) -> Result<Listed<Session>, Problem> {
    Ok(Listed::new(
        &uri,
        sessions::page(&db, &filter, paging).await?,
    ))
}

async fn find(
    State(db): State<AnyDb>,
    Path(id): Path<SessionId>,
) -> Result<Json<SessionWithQuestions>, Problem> {
    Ok(Json(sessions::find(&db, id).await?))
}

async fn start(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Path(id): Path<SessionId>,
) -> Result<Json<Session>, Problem> {
    Ok(Json(sessions::start(&db, &key, id).await?))
}

async fn finish(
    State(db): State<AnyDb>,
    State(reviewer): State<Wake>,
    key: IdempotencyKey,
    Path(id): Path<SessionId>,
) -> Result<Json<Session>, Problem> {
    Ok(Json(sessions::finish(&db, &key, id, &reviewer).await?))
}

async fn cancel(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Path(id): Path<SessionId>,
) -> Result<Json<Session>, Problem> {
    Ok(Json(sessions::cancel(&db, &key, id).await?))
}

async fn remove(State(db): State<AnyDb>, Path(id): Path<SessionId>) -> Result<StatusCode, Problem> {
    sessions::remove(&db, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered {
    cents: Cents,
}

/// A client repeats this with the same key until it has an answer.
async fn pay(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Path(session): Path<SessionId>,
    Json(Offered { cents }): Json<Offered>,
) -> Result<Created<Payment>, Problem> {
    let payment = payments::take(&db, &key, session, cents).await?;
    Ok(Created(format!("/sessions/{session}/payment"), payment))
}

async fn payment(
    State(db): State<AnyDb>,
    Path(session): Path<SessionId>,
) -> Result<Json<Payment>, Problem> {
    Ok(Json(payments::of(&db, session).await?))
}
