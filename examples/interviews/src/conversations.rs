//! Conversations with a language model, often about an interview.

use dbop::http::IdempotencyKey;
use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, query_as, query_scalar};

use crate::error::{InterviewError, Means, Result};
use crate::messages;
use crate::page::{Page, Paging};
use crate::values::{Author, ConversationId, Line, SessionId, Text, Time, UserId, now};

#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Conversation {
    pub id: ConversationId,
    pub user_id: UserId,
    pub session_id: Option<SessionId>,
    pub title: Line,
    pub model: Line,
    pub archived: bool,
    pub created_at: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewConversation {
    pub user: UserId,
    pub session: Option<SessionId>,
    pub title: Line,
    pub model: Line,
    /// What the model is told before the user says anything.
    pub instructions: Option<Text>,
}

/// Which conversations are looked for. What is `None` does not matter.
#[derive(Clone, Debug, Deserialize)]
pub struct ConversationFilter {
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    pub archived: Option<bool>,
}

/// Begins a conversation, once for each key.
#[transactional(once = key.of(new.user), name = "conversations.begin", on = [Sqlite, Postgres])]
pub async fn begin(
    tx: &mut Tx<'_, DB>,
    key: &IdempotencyKey,
    new: &NewConversation,
) -> Result<Conversation> {
    create(&mut *tx, new).await
}

/// Adds a conversation, with its instructions as the first message.
#[transactional(name = "conversations.create", on = [Sqlite, Postgres])]
pub async fn create(tx: &mut Tx<'_, DB>, new: &NewConversation) -> Result<Conversation> {
    let insert = query_as::<DB, Conversation>(
        "INSERT INTO conversations (id, user_id, session_id, title, model, archived, created_at)
         VALUES ($1, $2, $3, $4, $5, FALSE, $6) RETURNING *",
    );
    let insert = insert
        .bind(ConversationId::next())
        .bind(new.user)
        .bind(new.session);
    let insert = insert.bind(&new.title).bind(&new.model).bind(now());
    let inserted = insert.fetch_one(&mut *tx).await;
    let created = inserted.means(
        ErrorKind::ForeignKey,
        InterviewError::Unknown("user or session"),
    )?;
    if let Some(instructions) = &new.instructions {
        messages::insert(&mut *tx, created.id, Author::System, instructions).await?;
    }
    Ok(created)
}

#[db_op(read_only, name = "conversations.find", on = [Sqlite, Postgres])]
pub async fn find(conn: &mut Conn<'_, DB>, id: ConversationId) -> Result<Conversation> {
    let one = query_as::<DB, Conversation>("SELECT * FROM conversations WHERE id = $1");
    Ok(one.bind(id).fetch_one(&mut *conn).await?)
}

#[db_op(read_only, name = "conversations.page", on = [Sqlite, Postgres])]
pub async fn page(
    conn: &mut Conn<'_, DB>,
    filter: &ConversationFilter,
    paging: Paging<ConversationId>,
) -> Result<Page<Conversation, ConversationId>> {
    let mut sql = QueryBuilder::<DB>::new("SELECT * FROM conversations WHERE TRUE");
    if let Some(user) = filter.user {
        sql.push(" AND user_id = ").push_bind(user);
    }
    if let Some(session) = filter.session {
        sql.push(" AND session_id = ").push_bind(session);
    }
    if let Some(archived) = filter.archived {
        sql.push(" AND archived = ").push_bind(archived);
    }
    paging.end(&mut sql);
    let conversations = sql.build_query_as().fetch_all(&mut *conn).await?;
    Ok(paging.page(conversations, |conversation: &Conversation| conversation.id))
}

/// What may be changed of a conversation. What is `None` stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub title: Option<Line>,
    /// An archived conversation takes no more messages.
    pub archived: Option<bool>,
}

#[db_op(idempotent, name = "conversations.change", on = [Sqlite, Postgres])]
pub async fn change(
    conn: &mut Conn<'_, DB>,
    id: ConversationId,
    change: &Change,
) -> Result<Conversation> {
    let update = query_as::<DB, Conversation>(
        "UPDATE conversations SET title = COALESCE($1, title), archived = COALESCE($2, archived)
         WHERE id = $3 RETURNING *",
    );
    let update = update.bind(&change.title).bind(change.archived).bind(id);
    Ok(update.fetch_one(&mut *conn).await?)
}

/// Removes a conversation, with its messages.
#[db_op(idempotent, name = "conversations.remove", on = [Sqlite, Postgres])]
pub async fn remove(conn: &mut Conn<'_, DB>, id: ConversationId) -> Result<ConversationId> {
    let remove = query_scalar("DELETE FROM conversations WHERE id = $1 RETURNING id").bind(id);
    Ok(remove.fetch_one(&mut *conn).await?)
}
