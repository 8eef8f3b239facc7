use axum::extract::State;
use dbop::AnyDb;
use dbop::http::Problem;
use serde::Deserialize;

use super::extract::{Json, Path};
use crate::answers::{self, Answer};
use crate::values::{Position, Score, SessionId, Text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    body: Text,
}

pub(super) async fn give(
    State(db): State<AnyDb>,
    Path((session, position)): Path<(SessionId, Position)>,
    Json(Given { body }): Json<Given>,
) -> Result<Json<Answer>, Problem> {
    Ok(Json(answers::give(&db, session, position, &body).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scored {
    score: Score,
}

pub(super) async fn score(
    State(db): State<AnyDb>,
    Path((session, position)): Path<(SessionId, Position)>,
    Json(Scored { score }): Json<Scored>,
) -> Result<Json<Answer>, Problem> {
    Ok(Json(answers::score(&db, session, position, score).await?))
}
