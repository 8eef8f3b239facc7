//! Interview sessions: what one is, how sessions are found, and how one is removed.

mod plan;
mod steps;

use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, query_as, query_scalar};

use crate::error::{InterviewError, Means, Result};
use crate::page::{Page, Paging};
use crate::values::{
    CategorySlug, Difficulty, Line, Position, Price, QuestionId, RoleSlug, Score, SessionId, State,
    Text, Time, UserId,
};

pub use plan::{NewSession, create_with_questions};
pub use steps::{cancel, finish, hold, start};

#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub role: RoleSlug,
    pub state: State,
    pub job_description: Text,
    pub cents: Price,
    pub planned_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
}

/// A question of a session, with its answer if there is one.
#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Asked {
    pub position: Position,
    pub question_id: QuestionId,
    pub category: CategorySlug,
    pub difficulty: Difficulty,
    pub text: Line,
    pub answer: Option<Text>,
    pub score: Option<Score>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionWithQuestions {
    #[serde(flatten)]
    pub session: Session,
    pub questions: Vec<Asked>,
}

/// Which sessions are looked for. What is `None` does not matter.
#[derive(Clone, Debug, Deserialize)]
pub struct SessionFilter {
    pub user: Option<UserId>,
    pub role: Option<RoleSlug>,
    pub state: Option<State>,
}

/// Returns a session with its questions and answers, as all of them were at one moment.
#[transactional(
    read_only, isolation = repeatable_read, name = "sessions.find", on = [Sqlite, Postgres]
)]
pub async fn find(tx: &mut Tx<'_, DB>, id: SessionId) -> Result<SessionWithQuestions> {
    let session = query_as::<DB, Session>("SELECT * FROM sessions WHERE id = $1");
    Ok(SessionWithQuestions {
        session: session.bind(id).fetch_one(&mut *tx).await?,
        questions: asked(&mut *tx, id).await?,
    })
}

/// Returns the questions of a session, with their answers.
#[db_op(read_only, name = "sessions.asked", on = [Sqlite, Postgres])]
pub async fn asked(conn: &mut Conn<'_, DB>, id: SessionId) -> Result<Vec<Asked>> {
    let asked = query_as::<DB, Asked>(
        "SELECT asked.position, asked.question_id, category, difficulty, text, body AS answer, score
         FROM session_questions AS asked JOIN questions ON questions.id = asked.question_id
         LEFT JOIN answers ON answers.session_id = asked.session_id
                          AND answers.position = asked.position
         WHERE asked.session_id = $1 ORDER BY asked.position",
    );
    Ok(asked.bind(id).fetch_all(&mut *conn).await?)
}

#[db_op(read_only, name = "sessions.page", on = [Sqlite, Postgres])]
pub async fn page(
    conn: &mut Conn<'_, DB>,
    filter: &SessionFilter,
    paging: Paging<SessionId>,
) -> Result<Page<Session, SessionId>> {
    let mut sql = QueryBuilder::<DB>::new("SELECT * FROM sessions WHERE TRUE");
    if let Some(user) = filter.user {
        sql.push(" AND user_id = ").push_bind(user);
    }
    if let Some(role) = &filter.role {
        sql.push(" AND role = ").push_bind(role);
    }
    if let Some(state) = filter.state {
        sql.push(" AND state = ").push_bind(state);
    }
    paging.end(&mut sql);
    let sessions = sql.build_query_as().fetch_all(&mut *conn).await?;
    Ok(paging.page(sessions, |session: &Session| session.id))
}

/// Removes a session, with its answers. What was said about it stays.
#[db_op(idempotent, name = "sessions.remove", on = [Sqlite, Postgres])]
pub async fn remove(conn: &mut Conn<'_, DB>, id: SessionId) -> Result<SessionId> {
    let remove = query_scalar("DELETE FROM sessions WHERE id = $1 RETURNING id").bind(id);
    let removed = remove.fetch_one(&mut *conn).await;
    removed.means(ErrorKind::ForeignKey, InterviewError::WasPaid)
}
