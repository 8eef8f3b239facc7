//! A delete that nobody awaits has not happened, and rustc warns of it. (A statement that is not
//! awaited in the body of an operation is an error of dbop's own: `swallowed_error`.)
#![deny(unused_must_use)]

use dbop::{Db, Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn delete_job(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let delete = sqlx::query("DELETE FROM jobs WHERE id = ?").bind(id);
    delete.execute(&mut *tx).await?;
    Ok(())
}

async fn callers(db: &Db<Sqlite>) {
    delete_job(db, 1);
}

fn main() {}
