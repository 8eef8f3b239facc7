use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use dbop::AnyDb;
use dbop::http::Problem;

use super::App;
use super::extract::{Json, Listed, Path, Query};
use crate::catalogue::{self, Category, Role};
use crate::page::Paging;
use crate::questions::{self, Question, QuestionFilter, QuestionWithSessions};
use crate::values::{QuestionId, RoleSlug};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/roles", get(roles))
        .route("/roles/{role}/questions", get(of_role))
        .route("/categories", get(categories))
        .route("/questions", get(page))
        .route("/questions/{id}", get(find))
}

async fn roles(State(db): State<AnyDb>) -> Result<Json<Vec<Role>>, Problem> {
    Ok(Json(catalogue::roles(&db).await?))
}

async fn categories(State(db): State<AnyDb>) -> Result<Json<Vec<Category>>, Problem> {
    Ok(Json(catalogue::categories(&db).await?))
}

async fn page(
    State(db): State<AnyDb>,
    uri: Uri,
    Query(filter): Query<QuestionFilter>,
    Query(paging): Query<Paging<QuestionId>>,
) -> Result<Listed<Question>, Problem> {
    Ok(Listed::new(
        &uri,
        questions::page(&db, &filter, paging).await?,
    ))
}

/// The questions for a role, with the sessions that have asked them.
async fn of_role(
    State(db): State<AnyDb>,
    uri: Uri,
    Path(role): Path<RoleSlug>,
    Query(mut filter): Query<QuestionFilter>,
    Query(paging): Query<Paging<QuestionId>>,
) -> Result<Listed<QuestionWithSessions>, Problem> {
    filter.role = Some(catalogue::role(&db, &role).await?.role);
    let page = questions::page_with_sessions(&db, &filter, paging).await?;
    Ok(Listed::new(&uri, page))
}

async fn find(
    State(db): State<AnyDb>,
    Path(id): Path<QuestionId>,
) -> Result<Json<Question>, Problem> {
    Ok(Json(questions::find(&db, id).await?))
}
