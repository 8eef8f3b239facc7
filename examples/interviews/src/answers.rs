//! The answers of a session, and how good they are.

use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use serde::Serialize;
use sqlx::query_as;

use crate::error::{InterviewError, Means, Result};
use crate::sessions;
use crate::values::{Position, Score, SessionId, State, Text, Time, now};

#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
pub struct Answer {
    pub session_id: SessionId,
    pub position: Position,
    pub body: Text,
    pub score: Option<Score>,
    pub answered_at: Time,
}

/// Answers a question of a session that is running. A second answer replaces the first, with its
/// score.
#[transactional(idempotent, name = "answers.give", on = [Sqlite, Postgres])]
pub async fn give(
    tx: &mut Tx<'_, DB>,
    session: SessionId,
    position: Position,
    body: &Text,
) -> Result<Answer> {
    let State::Running = sessions::hold(&mut *tx, session).await?.state else {
        return Err(InterviewError::NotRunning);
    };
    let give = query_as::<DB, Answer>(
        "INSERT INTO answers (session_id, position, body, answered_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session_id, position) DO UPDATE
         SET body = excluded.body, score = NULL, answered_at = excluded.answered_at RETURNING *",
    );
    let give = give.bind(session).bind(position).bind(body).bind(now());
    let given = give.fetch_one(&mut *tx).await;
    given.means(ErrorKind::ForeignKey, InterviewError::NoSuchQuestion)
}

/// Says how good an answer is, also after the end of the session.
#[db_op(idempotent, name = "answers.score", on = [Sqlite, Postgres])]
pub async fn score(
    conn: &mut Conn<'_, DB>,
    session: SessionId,
    position: Position,
    score: Score,
) -> Result<Answer> {
    let update = query_as::<DB, Answer>(
        "UPDATE answers SET score = $1 WHERE session_id = $2 AND position = $3 RETURNING *",
    );
    let update = update.bind(score).bind(session).bind(position);
    Ok(update.fetch_one(&mut *conn).await?)
}
