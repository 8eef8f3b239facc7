use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use dbop::AnyDb;
use dbop::http::{IdempotencyKey, Problem};
use serde::Deserialize;

use super::App;
use super::extract::{Created, Json, Listed, Path, Query};
use crate::page::Paging;
use crate::users::{self, NewUser, User, UserFilter};
use crate::values::{Line, UserId};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/users", get(page).post(register))
        .route("/users/{id}", get(find).patch(rename).delete(remove))
}

async fn register(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Json(new): Json<NewUser>,
) -> Result<Created<User>, Problem> {
    let user = users::register(&db, &key, &new).await?;
    Ok(Created(format!("/users/{}", user.id), user))
}

async fn page(
    State(db): State<AnyDb>,
    uri: Uri,
    Query(filter): Query<UserFilter>,
    Query(paging): Query<Paging<UserId>>,
) -> Result<Listed<User>, Problem> {
    Ok(Listed::new(&uri, users::page(&db, &filter, paging).await?))
}

async fn find(State(db): State<AnyDb>, Path(id): Path<UserId>) -> Result<Json<User>, Problem> {
    Ok(Json(users::find(&db, id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renamed {
    name: Line,
}

async fn rename(
    State(db): State<AnyDb>,
    Path(id): Path<UserId>,
    Json(Renamed { name }): Json<Renamed>,
) -> Result<Json<User>, Problem> {
    Ok(Json(users::rename(&db, id, &name).await?))
}

async fn remove(State(db): State<AnyDb>, Path(id): Path<UserId>) -> Result<StatusCode, Problem> {
    users::remove(&db, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
