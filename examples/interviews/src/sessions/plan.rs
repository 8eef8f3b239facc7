//! How a session gets its questions.

use dbop::http::IdempotencyKey;
use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, query_as};

use super::{Session, SessionWithQuestions, asked};
use crate::error::{InterviewError, Means, Result};
use crate::values::{
    CategorySlug, Count, Difficulty, QuestionId, RoleSlug, SessionId, State, Text, UserId, now,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    pub user: UserId,
    pub role: RoleSlug,
    pub job_description: Text,
    pub questions: Choice,
}

/// Which questions a session asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// These, in this order.
    Given(Vec<QuestionId>),
    /// So many of those that fit, the easiest first.
    Drawn(Draw),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    pub count: Count,
    pub category: Option<CategorySlug>,
    pub difficulty: Option<Difficulty>,
}

/// Plans a session with its questions, once for each key. Either all of it is stored or nothing.
#[transactional(once = key.of(new.user), name = "sessions.create_with_questions", on = [Sqlite, Postgres])]
pub async fn create_with_questions(
    tx: &mut Tx<'_, DB>,
    key: &IdempotencyKey,
    new: &NewSession,
) -> Result<SessionWithQuestions> {
    let session = insert(&mut *tx, new).await?;
    let questions = match &new.questions {
        Choice::Given(questions) => {
            check(&mut *tx, &new.role, questions).await?;
            questions.clone()
        }
        Choice::Drawn(draw) => draw_some(&mut *tx, &new.role, draw).await?,
    };
    ask(&mut *tx, session.id, &questions).await?;
    Ok(SessionWithQuestions {
        questions: asked(&mut *tx, session.id).await?,
        session,
    })
}

#[transactional(name = "sessions.insert", on = [Sqlite, Postgres])]
async fn insert(tx: &mut Tx<'_, DB>, new: &NewSession) -> Result<Session> {
    let insert = query_as::<DB, Session>(
        "INSERT INTO sessions (id, user_id, role, state, job_description, cents, planned_at)
         SELECT $1, $2, role, $3, $4, cents, $5 FROM roles WHERE role = $6 RETURNING *",
    );
    let insert = insert.bind(SessionId::next()).bind(new.user);
    let insert = insert.bind(State::Planned).bind(&new.job_description);
    let insert = insert.bind(now()).bind(&new.role);
    let inserted = insert.fetch_optional(&mut *tx).await;
    let inserted = inserted.means(ErrorKind::ForeignKey, InterviewError::Unknown("user"))?;
    inserted.ok_or(InterviewError::Unknown("role"))
}

/// Sees that the questions are different ones, and that each is for this role and not retired.
#[db_op(read_only, name = "sessions.check", on = [Sqlite, Postgres])]
async fn check(conn: &mut Conn<'_, DB>, role: &RoleSlug, given: &[QuestionId]) -> Result<()> {
    let unfit = || InterviewError::UnfitQuestions(role.clone());
    if !(1..=Count::MOST).contains(&given.len()) {
        return Err(unfit());
    }
    let mut sql = QueryBuilder::<DB>::new("SELECT COUNT(*) FROM questions WHERE role = ");
    sql.push_bind(role).push(" AND NOT retired AND id IN (");
    let mut ids = sql.separated(", ");
    for id in given {
        ids.push_bind(*id);
    }
    sql.push(")");
    let fit: i64 = sql.build_query_scalar().fetch_one(&mut *conn).await?;
    match usize::try_from(fit) == Ok(given.len()) {
        true => Ok(()),
        false => Err(unfit()),
    }
}

/// Draws questions by lot, and puts the easiest first.
#[db_op(read_only, name = "sessions.draw", on = [Sqlite, Postgres])]
async fn draw_some(
    conn: &mut Conn<'_, DB>,
    role: &RoleSlug,
    draw: &Draw,
) -> Result<Vec<QuestionId>> {
    let mut sql = QueryBuilder::<DB>::new(
        "SELECT id FROM (SELECT id, difficulty FROM questions WHERE NOT retired AND role = ",
    );
    sql.push_bind(role);
    if let Some(category) = &draw.category {
        sql.push(" AND category = ").push_bind(category);
    }
    if let Some(difficulty) = draw.difficulty {
        sql.push(" AND difficulty = ").push_bind(difficulty);
    }
    sql.push(" ORDER BY random() LIMIT ")
        .push_bind(i64::from(draw.count.get()));
    sql.push(") AS drawn ORDER BY difficulty, id");
    let drawn: Vec<QuestionId> = sql.build_query_scalar().fetch_all(&mut *conn).await?;
    let wanted = usize::from(draw.count.get().unsigned_abs());
    if drawn.len() < wanted {
        return Err(InterviewError::TooFewQuestions {
            role: role.clone(),
            wanted,
            there: drawn.len(),
        });
    }
    Ok(drawn)
}

/// Gives the questions their positions in the session, in one statement.
#[transactional(name = "sessions.ask", on = [Sqlite, Postgres])]
async fn ask(tx: &mut Tx<'_, DB>, session: SessionId, questions: &[QuestionId]) -> Result<()> {
    let mut sql = QueryBuilder::<DB>::new(
        "INSERT INTO session_questions (session_id, position, question_id) ",
    );
    sql.push_values((1_i16..).zip(questions), |mut row, (position, question)| {
        row.push_bind(session)
            .push_bind(position)
            .push_bind(*question);
    });
    sql.build().execute(&mut *tx).await?;
    Ok(())
}
