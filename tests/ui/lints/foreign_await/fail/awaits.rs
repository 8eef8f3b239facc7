//! A transaction that waits for something else holds its connection and its locks meanwhile.
#![allow(unused)]

use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use futures_util::TryStreamExt;
use sqlx::{PgPool, Postgres, Sqlite};

struct Model;

impl Model {
    async fn ask(&self, text: &str) -> dbop::Result<String> {
        Ok(text.to_owned())
    }
}

#[db_op(read_only)]
async fn names(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<Vec<String>> {
    let names = sqlx::query_scalar("SELECT name FROM users");
    Ok(names.fetch_all(&mut *conn).await?)
}

#[transactional]
async fn asks_a_model(tx: &mut Tx<'_, Postgres>, model: &Model, id: i64) -> dbop::Result<()> {
    let text: String = sqlx::query_scalar("SELECT text FROM reports WHERE id = $1 FOR UPDATE")
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
    let summary = model.ask(&text).await?;
    sqlx::query("UPDATE reports SET summary = $1 WHERE id = $2")
        .bind(summary)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[transactional]
async fn waits_for_a_timer(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}

// It is no part of the transaction, and waits for a second connection.
#[transactional]
async fn sends_a_statement_to_the_pool(
    tx: &mut Tx<'_, Postgres>,
    pool: &PgPool,
) -> dbop::Result<()> {
    sqlx::query("INSERT INTO audit (event) VALUES ('opened')")
        .execute(pool)
        .await?;
    Ok(())
}

#[transactional]
async fn gives_another_operation_the_handle(
    tx: &mut Tx<'_, Sqlite>,
    db: &Db<Sqlite>,
) -> dbop::Result<usize> {
    Ok(names(db).await?.len())
}

// The stream holds the session; the other future in the loop does not.
#[transactional]
async fn waits_between_the_rows_of_a_stream(
    tx: &mut Tx<'_, Sqlite>,
    model: &Model,
) -> dbop::Result<()> {
    let mut rows = sqlx::query_scalar::<_, String>("SELECT text FROM reports").fetch(&mut *tx);
    while let Some(text) = rows.try_next().await? {
        model.ask(&text).await?;
    }
    Ok(())
}

#[transactional]
async fn waits_in_a_savepoint(tx: &mut Tx<'_, Sqlite>, model: &Model) -> dbop::Result<String> {
    let ask = async |sp: &mut Tx<'_, Sqlite>| -> dbop::Result<String> {
        let text: String = sqlx::query_scalar("SELECT text FROM reports LIMIT 1")
            .fetch_one(&mut *sp)
            .await?;
        model.ask(&text).await
    };
    tx.savepoint(ask).await
}

// A channel's sender is often called `tx`, too.
#[transactional]
async fn has_another_variable_of_that_name(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    let (tx, mut rx) = tokio::sync::mpsc::channel(1);
    let _ = tx.send(1).await;
    rx.recv().await;
    Ok(())
}

fn main() {}
