//! What is said in conversations.

use dbop::http::IdempotencyKey;
use dbop::{Conn, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, query_as, query_scalar};

use crate::error::{InterviewError, Result};
use crate::page::{Page, Paging};
use crate::values::{Author, ConversationId, MessageId, Text, Time, now};

#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Message {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub author: Author,
    pub body: Text,
    pub sent_at: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    pub author: Author,
    pub body: Text,
}

/// Adds a message, once for each key, to a conversation that is not archived, and that nobody archives
/// meanwhile.
#[transactional(once = key.of(conversation), name = "messages.post", on = [Sqlite, Postgres])]
pub async fn post(
    tx: &mut Tx<'_, DB>,
    key: &IdempotencyKey,
    conversation: ConversationId,
    new: &NewMessage,
) -> Result<Message> {
    // On SQLite, a transaction that writes is alone.
    let archived = query_scalar(dbop::sql!(
        sqlite = "SELECT archived FROM conversations WHERE id = $1",
        postgres = "SELECT archived FROM conversations WHERE id = $1 FOR SHARE",
    ));
    if archived.bind(conversation).fetch_one(&mut *tx).await? {
        return Err(InterviewError::Archived);
    }
    insert(&mut *tx, conversation, new.author, &new.body).await
}

#[db_op(name = "messages.insert", on = [Sqlite, Postgres])]
pub async fn insert(
    conn: &mut Conn<'_, DB>,
    conversation: ConversationId,
    author: Author,
    body: &Text,
) -> Result<Message> {
    let insert = query_as::<DB, Message>(
        "INSERT INTO messages (id, conversation_id, author, body, sent_at)
         VALUES ($1, $2, $3, $4, $5) RETURNING *",
    );
    let insert = insert.bind(MessageId::next()).bind(conversation);
    let insert = insert.bind(author).bind(body).bind(now());
    Ok(insert.fetch_one(&mut *conn).await?)
}

/// Returns the messages of a conversation, the newest first.
#[db_op(read_only, name = "messages.page", on = [Sqlite, Postgres])]
pub async fn page(
    conn: &mut Conn<'_, DB>,
    conversation: ConversationId,
    paging: Paging<MessageId>,
) -> Result<Page<Message, MessageId>> {
    let mut sql = QueryBuilder::<DB>::new("SELECT * FROM messages WHERE conversation_id = ");
    sql.push_bind(conversation);
    paging.end(&mut sql);
    let messages = sql.build_query_as().fetch_all(&mut *conn).await?;
    Ok(paging.page(messages, |message: &Message| message.id))
}

#[db_op(idempotent, name = "messages.remove", on = [Sqlite, Postgres])]
pub async fn remove(conn: &mut Conn<'_, DB>, id: MessageId) -> Result<MessageId> {
    let remove = query_scalar("DELETE FROM messages WHERE id = $1 RETURNING id").bind(id);
    Ok(remove.fetch_one(&mut *conn).await?)
}
