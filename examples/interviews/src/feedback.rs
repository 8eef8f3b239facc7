//! What users are told after their interviews.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{query, query_as, query_scalar};

use crate::catalogue::{self, Role};
use crate::conversations::{self, NewConversation};
use crate::error::Result;
use crate::sessions::Session;
use crate::values::{Line, SessionId, Text, now};

/// Gives feedback on one finished session that has none, and returns which. The conversation, its
/// message and the mark on the session are one transaction, so nobody is told twice, and nobody is
/// forgotten when the service dies in the middle.
#[transactional(name = "feedback.give_next", on = [Sqlite, Postgres])]
pub async fn give_next(tx: &mut Tx<'_, DB>) -> Result<Option<SessionId>> {
    // On SQLite, a transaction that writes is alone. On PostgreSQL, another process may be at work.
    let next = query_as::<DB, Session>(dbop::sql!(
        sqlite = "SELECT * FROM sessions WHERE state = 'finished' AND reviewed_at IS NULL
                  ORDER BY id LIMIT 1",
        postgres = "SELECT * FROM sessions WHERE state = 'finished' AND reviewed_at IS NULL
                    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
    ));
    let Some(session) = next.fetch_optional(&mut *tx).await? else {
        return Ok(None);
    };
    let Role { title, .. } = catalogue::role(&mut *tx, &session.role).await?;
    let outcome = outcome_of(&mut *tx, session.id).await?;
    let conversation = NewConversation {
        user: session.user_id,
        session: Some(session.id),
        title,
        model: Line::ours("reviewer"),
        instructions: Some(outcome.into_text()),
    };
    conversations::create(&mut *tx, &conversation).await?;
    let mark = query("UPDATE sessions SET reviewed_at = $1 WHERE id = $2");
    mark.bind(now()).bind(session.id).execute(&mut *tx).await?;
    Ok(Some(session.id))
}

/// Returns how many sessions wait for their feedback, those that somebody holds included.
#[db_op(read_only, name = "feedback.waiting", on = [Sqlite, Postgres])]
pub async fn waiting(conn: &mut Conn<'_, DB>) -> Result<i64> {
    let count = "SELECT COUNT(*) FROM sessions WHERE state = 'finished' AND reviewed_at IS NULL";
    Ok(query_scalar(count).fetch_one(&mut *conn).await?)
}

/// How an interview went.
#[derive(sqlx::FromRow)]
struct Outcome {
    asked: i64,
    answered: i64,
    /// The average of the answers that have a score.
    score: Option<f64>,
}

impl Outcome {
    fn into_text(self) -> Text {
        let Self {
            asked, answered, ..
        } = self;
        let score = match self.score {
            Some(score) => format!("Your score is {score:.1} of 10."),
            None => "There is no score yet.".to_owned(),
        };
        Text::ours(format!(
            "You have answered {answered} of {asked} questions. {score}"
        ))
    }
}

#[db_op(read_only, name = "feedback.outcome_of", on = [Sqlite, Postgres])]
async fn outcome_of(conn: &mut Conn<'_, DB>, session: SessionId) -> Result<Outcome> {
    let outcome = query_as::<DB, Outcome>(
        "SELECT COUNT(*) AS asked, COUNT(answers.body) AS answered,
                CAST(AVG(score) AS DOUBLE PRECISION) AS score
         FROM session_questions LEFT JOIN answers USING (session_id, position)
         WHERE session_id = $1",
    );
    Ok(outcome.bind(session).fetch_one(&mut *conn).await?)
}
