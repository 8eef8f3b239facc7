//! The bank of questions.

use std::collections::HashMap;

use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, query_as, query_scalar};

use crate::error::{InterviewError, Means, Result};
use crate::page::{Page, Paging};
use crate::values::{CategorySlug, Difficulty, Line, QuestionId, RoleSlug, SessionId, State};

#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
pub struct Question {
    pub id: QuestionId,
    pub role: RoleSlug,
    pub category: CategorySlug,
    pub difficulty: Difficulty,
    pub text: Line,
    /// Whether the question is asked no more.
    pub retired: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewQuestion {
    pub role: RoleSlug,
    pub category: CategorySlug,
    pub difficulty: Difficulty,
    pub text: Line,
}

/// Which questions are looked for. What is `None` does not matter.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct QuestionFilter {
    pub role: Option<RoleSlug>,
    pub category: Option<CategorySlug>,
    pub difficulty: Option<Difficulty>,
    /// A part of the question, in small letters or in capitals.
    pub text: Option<Line>,
    pub retired: Option<bool>,
}

/// How many questions an import may have. A statement on SQLite has at most 32766 values.
pub const MOST_AT_ONCE: usize = 1_000;

/// Adds the questions that are not there yet, in one statement, and returns how many those were.
#[transactional(idempotent, name = "questions.add", on = [Sqlite, Postgres])]
pub async fn add(tx: &mut Tx<'_, DB>, questions: &[NewQuestion]) -> Result<u64> {
    if questions.is_empty() {
        return Ok(0);
    }
    if questions.len() > MOST_AT_ONCE {
        return Err(InterviewError::TooMany(MOST_AT_ONCE));
    }
    let mut sql = QueryBuilder::<DB>::new(
        "INSERT INTO questions (id, role, category, difficulty, text, retired) ",
    );
    sql.push_values(questions, |mut row, question| {
        row.push_bind(QuestionId::next())
            .push_bind(&question.role)
            .push_bind(&question.category)
            .push_bind(question.difficulty)
            .push_bind(&question.text)
            .push_bind(false);
    });
    sql.push(" ON CONFLICT (role, text) DO NOTHING");
    let added = sql.build().execute(&mut *tx).await;
    let added = added.means(
        ErrorKind::ForeignKey,
        InterviewError::Unknown("role or category"),
    );
    Ok(added?.rows_affected())
}

#[db_op(read_only, name = "questions.find", on = [Sqlite, Postgres])]
pub async fn find(conn: &mut Conn<'_, DB>, id: QuestionId) -> Result<Question> {
    let one = query_as::<DB, Question>("SELECT * FROM questions WHERE id = $1");
    Ok(one.bind(id).fetch_one(&mut *conn).await?)
}

#[db_op(read_only, name = "questions.page", on = [Sqlite, Postgres])]
pub async fn page(
    conn: &mut Conn<'_, DB>,
    filter: &QuestionFilter,
    paging: Paging<QuestionId>,
) -> Result<Page<Question, QuestionId>> {
    let mut sql = QueryBuilder::<DB>::new("SELECT * FROM questions WHERE TRUE");
    if let Some(role) = &filter.role {
        sql.push(" AND role = ").push_bind(role);
    }
    if let Some(category) = &filter.category {
        sql.push(" AND category = ").push_bind(category);
    }
    if let Some(difficulty) = filter.difficulty {
        sql.push(" AND difficulty = ").push_bind(difficulty);
    }
    if let Some(part) = &filter.text {
        let like = dbop::sql!(sqlite = " AND text LIKE ", postgres = " AND text ILIKE ");
        sql.push(like)
            .push_bind(part.as_pattern())
            .push(r" ESCAPE '\'");
    }
    if let Some(retired) = filter.retired {
        sql.push(" AND retired = ").push_bind(retired);
    }
    paging.end(&mut sql);
    let questions = sql.build_query_as().fetch_all(&mut *conn).await?;
    Ok(paging.page(questions, |question: &Question| question.id))
}

/// A session in which a question was asked.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
pub struct AskedIn {
    #[serde(skip)]
    question_id: QuestionId,
    session_id: SessionId,
    state: State,
}

#[derive(Clone, Debug, Serialize)]
pub struct QuestionWithSessions {
    #[serde(flatten)]
    question: Question,
    /// The newest sessions that have asked the question, ten at most.
    sessions: Vec<AskedIn>,
}

/// Returns questions with the sessions that have asked them. However many questions there are, this
/// takes two statements: the second one reads the sessions of all of them.
#[db_op(read_only, name = "questions.page_with_sessions", on = [Sqlite, Postgres])]
pub async fn page_with_sessions(
    conn: &mut Conn<'_, DB>,
    filter: &QuestionFilter,
    paging: Paging<QuestionId>,
) -> Result<Page<QuestionWithSessions, QuestionId>> {
    let Page { items, next } = page(&mut *conn, filter, paging).await?;
    let mut asked = asked_in(&mut *conn, &items).await?;
    let with_sessions = |question: Question| QuestionWithSessions {
        sessions: asked.remove(&question.id).unwrap_or_default(),
        question,
    };
    Ok(Page {
        items: items.into_iter().map(with_sessions).collect(),
        next,
    })
}

#[db_op(read_only, name = "questions.asked_in", on = [Sqlite, Postgres])]
async fn asked_in(
    conn: &mut Conn<'_, DB>,
    questions: &[Question],
) -> Result<HashMap<QuestionId, Vec<AskedIn>>> {
    let mut grouped = HashMap::<_, Vec<_>>::new();
    if questions.is_empty() {
        return Ok(grouped);
    }
    let mut sql = QueryBuilder::<DB>::new(
        "SELECT question_id, session_id, state FROM (
             SELECT question_id, session_id, ROW_NUMBER() OVER
                 (PARTITION BY question_id ORDER BY session_id DESC) AS place
             FROM session_questions WHERE question_id IN (",
    );
    let mut ids = sql.separated(", ");
    for question in questions {
        ids.push_bind(question.id);
    }
    sql.push(
        ")) AS newest JOIN sessions ON sessions.id = session_id
         WHERE place <= 10 ORDER BY session_id DESC",
    );
    for asked in sql
        .build_query_as::<AskedIn>()
        .fetch_all(&mut *conn)
        .await?
    {
        grouped.entry(asked.question_id).or_default().push(asked);
    }
    Ok(grouped)
}

/// What may be changed of a question. What is `None` stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    pub difficulty: Option<Difficulty>,
    pub text: Option<Line>,
}

#[db_op(idempotent, name = "questions.revise", on = [Sqlite, Postgres])]
pub async fn revise(
    conn: &mut Conn<'_, DB>,
    id: QuestionId,
    revision: &Revision,
) -> Result<Question> {
    let revise = query_as::<DB, Question>(
        "UPDATE questions SET difficulty = COALESCE($1, difficulty), text = COALESCE($2, text)
         WHERE id = $3 RETURNING *",
    );
    let revise = revise
        .bind(revision.difficulty)
        .bind(&revision.text)
        .bind(id);
    Ok(revise.fetch_one(&mut *conn).await?)
}

/// Says whether a question is asked no more. Sessions that have the question keep it.
#[db_op(idempotent, name = "questions.retire", on = [Sqlite, Postgres])]
pub async fn retire(conn: &mut Conn<'_, DB>, id: QuestionId, retired: bool) -> Result<Question> {
    let retire =
        query_as::<DB, Question>("UPDATE questions SET retired = $1 WHERE id = $2 RETURNING *");
    Ok(retire.bind(retired).bind(id).fetch_one(&mut *conn).await?)
}

/// Removes a question that was never asked.
#[db_op(idempotent, name = "questions.remove", on = [Sqlite, Postgres])]
pub async fn remove(conn: &mut Conn<'_, DB>, id: QuestionId) -> Result<QuestionId> {
    let remove = query_scalar("DELETE FROM questions WHERE id = $1 RETURNING id").bind(id);
    let removed = remove.fetch_one(&mut *conn).await;
    removed.means(ErrorKind::ForeignKey, InterviewError::WasAsked)
}
