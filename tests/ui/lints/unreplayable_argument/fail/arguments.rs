//! What the first attempt uses up or changes, a second one could not be given.
#![allow(unused)]

use std::sync::Arc;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{PgPool, Postgres, Sqlite};

#[transactional]
async fn writes_into_an_argument(
    tx: &mut Tx<'_, Sqlite>,
    names: &mut Vec<String>,
) -> dbop::Result<()> {
    let found: Vec<String> = sqlx::query_scalar("SELECT name FROM users")
        .fetch_all(&mut *tx)
        .await?;
    names.extend(found);
    Ok(())
}

#[db_op(read_only)]
async fn writes_into_a_part(
    conn: &mut Conn<'_, Postgres>,
    (count, limit): &mut (i64, i64),
) -> dbop::Result<()> {
    *count += 1;
    Ok(())
}

#[derive(Clone)]
struct Ledger(Vec<i64>);

impl Ledger {
    #[transactional]
    async fn consumes_itself(self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<i64> {
        Ok(self.0[0])
    }

    #[transactional]
    async fn consumes_a_shared_pointer(
        self: Arc<Self>,
        tx: &mut Tx<'_, Sqlite>,
    ) -> dbop::Result<i64> {
        Ok(self.0[0])
    }

    #[transactional]
    async fn lends_a_part_of_itself(&mut self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<&i64> {
        Ok(&self.0[0])
    }
}

#[transactional]
async fn gives_an_argument_back<'a>(
    tx: &mut Tx<'_, Sqlite>,
    ids: Vec<&'a mut i64>,
) -> dbop::Result<Option<&'a mut i64>> {
    Ok(ids.into_iter().next())
}

// A function without a session is replayed when it says that it may be.
#[db_op(idempotent)]
async fn has_no_session(pool: &PgPool, log: &mut Vec<String>) -> dbop::Result<()> {
    sqlx::query("SELECT 1").execute(pool).await?;
    Ok(())
}

// No level changes what could not be compiled.
impl Ledger {
    #[transactional(allow(unreplayable_argument))]
    async fn consumes_itself_all_the_same(self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<i64> {
        Ok(self.0[0])
    }
}

fn main() {}
