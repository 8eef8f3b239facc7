//! A chat service with a layer that bridges sync and async, hides errors, and retries everything.
//!
//! In production `block_on` inside the runtime panics or stops a worker thread; conversations lose
//! messages, because the error of the insert became `None`; and the retry loop around a payment
//! charges twice when the answer was lost and the payment was not.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

async fn title(text: &str) -> String {
    text.to_owned()
}

#[db_op]
async fn create_conversation(conn: &mut Conn<'_, Sqlite>, text: &str) -> dbop::Result<i64> {
    let title = tokio::runtime::Handle::current().block_on(title(text));
    let id = sqlx::query_scalar("INSERT INTO conversations (title) VALUES (?) RETURNING id");
    Ok(id.bind(title).fetch_one(&mut *conn).await?)
}

#[transactional]
async fn add_message(
    tx: &mut Tx<'_, Sqlite>,
    conversation: i64,
    text: &str,
) -> dbop::Result<Option<i64>> {
    let _ = sqlx::query("UPDATE conversations SET messages = messages + 1 WHERE id = ?")
        .bind(conversation)
        .execute(&mut *tx)
        .await;
    let id =
        sqlx::query_scalar("INSERT INTO messages (conversation, text) VALUES (?, ?) RETURNING id")
            .bind(conversation)
            .bind(text)
            .fetch_one(&mut *tx)
            .await
            .ok();
    Ok(id)
}

// Whatever fails, it is tried five times; that is what it was meant to be.
#[db_op(retry(attempts = 5))]
async fn charge(conn: &mut Conn<'_, Sqlite>, account: i64, cents: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - ? WHERE id = ?")
        .bind(cents)
        .bind(account)
        .execute(&mut *conn)
        .await?;
    sqlx::query("INSERT INTO charges (account, cents) VALUES (?, ?)")
        .bind(account)
        .bind(cents)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

// Handing the caller's list in to be filled: a second attempt fills it again.
#[transactional]
async fn messages(
    tx: &mut Tx<'_, Sqlite>,
    conversation: i64,
    into: &mut Vec<String>,
) -> dbop::Result<()> {
    let found: Vec<String> = sqlx::query_scalar("SELECT text FROM messages WHERE conversation = ?")
        .bind(conversation)
        .fetch_all(&mut *tx)
        .await?;
    into.extend(found);
    Ok(())
}

// The clean-up that ran every five minutes, and one day without its condition.
#[db_op]
async fn clean_up(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    sqlx::query("DELETE FROM messages")
        .execute(&mut *conn)
        .await?;
    Ok(())
}

fn main() {}
