//! A function that gets a session is an operation on a database.

use dbop::{Conn, Tx, guarded};
use sqlx::{PgPool, Sqlite, SqliteConnection};

#[guarded]
async fn in_a_transaction(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    let _ = tx;
    Ok(())
}

#[guarded]
async fn in_a_session(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    let _ = conn;
    Ok(())
}

#[guarded]
async fn on_a_connection(conn: &mut SqliteConnection) -> dbop::Result<()> {
    let _ = conn;
    Ok(())
}

#[guarded]
async fn on_a_pool(pool: &PgPool) -> dbop::Result<()> {
    let _ = pool;
    Ok(())
}

fn main() {}
