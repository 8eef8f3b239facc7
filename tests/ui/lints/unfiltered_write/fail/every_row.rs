//! An `UPDATE` or `DELETE` without `WHERE` means every row.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres, Sqlite};

// sqlx's own needs a database to compile against; what the lint reads is the same.
macro_rules! query {
    ($text:literal $(, $value:expr)*) => { sqlx::query($text)$(.bind($value))* };
}

#[db_op]
async fn deletes_all(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    sqlx::query("DELETE FROM sessions")
        .execute(&mut *conn)
        .await?;
    Ok(())
}

#[transactional]
async fn updates_all(tx: &mut Tx<'_, Postgres>, id: i64) -> dbop::Result<()> {
    query!("UPDATE sessions SET expired = true, by = $1", id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

// The subquery's `WHERE` is not the statement's.
#[transactional]
async fn filters_only_the_subquery(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    tx.execute("UPDATE sessions SET seen = (SELECT max(at) FROM visits WHERE visits.session = sessions.id)")
        .await?;
    Ok(())
}

#[db_op]
async fn hides_it_among_others(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    sqlx::raw_sql(
        "DELETE FROM old WHERE true;
         DELETE FROM sessions;
         SELECT 1",
    )
    .execute(&mut *conn)
    .await?;
    Ok(())
}

#[db_op]
async fn is_longer_than_a_line(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    let text = concat!("UPDATE sessions ", "SET expired = 1");
    sqlx::query(text).execute(&mut *conn).await?;
    Ok(())
}

// The pool's, and not the session's: the rows are the same.
#[db_op(idempotent)]
async fn has_no_session(pool: &sqlx::PgPool) -> dbop::Result<()> {
    sqlx::query("DELETE FROM sessions").execute(pool).await?;
    Ok(())
}

fn main() {}
