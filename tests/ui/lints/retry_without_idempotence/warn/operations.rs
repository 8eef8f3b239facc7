//! `retry(..)` where hardly anything is tried again. By default a warning.
#![deny(deprecated)]
#![allow(unused)]

use dbop::{Conn, db_op};
use sqlx::{Executor, Postgres, QueryBuilder, Sqlite};

#[db_op(retry(attempts = 8))]
async fn updates(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?")
        .bind(id)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

// One warning, however many statements write.
#[db_op(timeout = "2s", retry(attempts = 3, base = "10ms"))]
async fn writes_twice(conn: &mut Conn<'_, Postgres>) -> dbop::Result<()> {
    conn.execute("INSERT INTO payments (cents) VALUES (5)")
        .await?;
    conn.execute("UPDATE accounts SET cents = cents - 5 WHERE id = 1")
        .await?;
    Ok(())
}

#[db_op(retry(attempts = 8))]
async fn builds_its_text(conn: &mut Conn<'_, Sqlite>, names: &[String]) -> dbop::Result<()> {
    let mut insert = QueryBuilder::new("INSERT INTO users (name) ");
    insert.push_values(names, |mut row, name| {
        row.push_bind(name);
    });
    insert.build().execute(&mut *conn).await?;
    Ok(())
}

fn main() {}
