//! Functions with `on = [Sqlite, Postgres]`, which are compiled once for each database. What callers
//! pass says the database.

use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use dbop_tests::Fresh;

use super::{Database, notes::Trouble};

mod ends;
mod forms;
mod joins;
mod once;
mod passed;
mod replay;
mod texts;
mod traced;

/// Returns a handle that does not say its database.
fn any(db: &Fresh<Database>) -> AnyDb {
    db.db.clone().into()
}

#[transactional(on = [Sqlite, Postgres])]
async fn note(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Trouble> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)").bind(id);
    insert.execute(&mut *tx).await?;
    Ok(())
}

#[db_op(on = [Sqlite, Postgres])]
async fn note_op(conn: &mut Conn<'_, DB>, id: i64) -> Result<(), Trouble> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)").bind(id);
    insert.execute(&mut *conn).await?;
    Ok(())
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn notes(conn: &mut Conn<'_, DB>) -> Result<Vec<i64>, Trouble> {
    let ids = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
    Ok(ids.fetch_all(&mut *conn).await?)
}
