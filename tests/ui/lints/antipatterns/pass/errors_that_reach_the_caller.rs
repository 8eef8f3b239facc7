//! The same chat service: errors go on with `?`, what may be applied twice says so, and what may not
//! is a transaction that takes effect once for each key.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

async fn title(text: &str) -> String {
    text.to_owned()
}

#[db_op]
async fn create_conversation(conn: &mut Conn<'_, Sqlite>, text: &str) -> dbop::Result<i64> {
    let title = title(text).await;
    let id = sqlx::query_scalar("INSERT INTO conversations (title) VALUES (?) RETURNING id");
    Ok(id.bind(title).fetch_one(&mut *conn).await?)
}

#[transactional]
async fn add_message(tx: &mut Tx<'_, Sqlite>, conversation: i64, text: &str) -> dbop::Result<i64> {
    sqlx::query("UPDATE conversations SET messages = messages + 1 WHERE id = ?")
        .bind(conversation)
        .execute(&mut *tx)
        .await?;
    let id =
        sqlx::query_scalar("INSERT INTO messages (conversation, text) VALUES (?, ?) RETURNING id");
    Ok(id.bind(conversation).bind(text).fetch_one(&mut *tx).await?)
}

#[transactional(once = charge, retry(attempts = 5))]
async fn charge(
    tx: &mut Tx<'_, Sqlite>,
    charge: i64,
    account: i64,
    cents: i64,
) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - ? WHERE id = ?")
        .bind(cents)
        .bind(account)
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO charges (id, account, cents) VALUES (?, ?, ?)")
        .bind(charge)
        .bind(account)
        .bind(cents)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[db_op(idempotent, retry(attempts = 5))]
async fn archive(conn: &mut Conn<'_, Sqlite>, conversation: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE conversations SET archived = 1 WHERE id = ?")
        .bind(conversation)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[db_op(read_only)]
async fn messages(conn: &mut Conn<'_, Sqlite>, conversation: i64) -> dbop::Result<Vec<String>> {
    let messages = sqlx::query_scalar("SELECT text FROM messages WHERE conversation = ?");
    Ok(messages.bind(conversation).fetch_all(&mut *conn).await?)
}

#[db_op(idempotent)]
async fn clean_up(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    sqlx::query("DELETE FROM messages WHERE created < unixepoch() - 86400")
        .execute(&mut *conn)
        .await?;
    Ok(())
}

fn main() {}
