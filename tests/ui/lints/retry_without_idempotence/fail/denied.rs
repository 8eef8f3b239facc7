//! As an error.
#![allow(unused)]

use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[dbop::deny(retry_without_idempotence)]
#[db_op(retry(attempts = 8))]
async fn pays(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?")
        .bind(id)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

fn main() {}
