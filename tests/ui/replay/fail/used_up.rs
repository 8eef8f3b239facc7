//! What the first attempt uses up, a second one could not get.
#![allow(unused)]

use std::sync::Arc;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

struct Ledger(Vec<i64>);

impl Ledger {
    #[transactional]
    async fn value(self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }

    #[transactional]
    async fn mutable_value(mut self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op]
    async fn shared(self: Arc<Self>, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op]
    async fn lends_self(&mut self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<&i64> {
        Ok(&self.0[0])
    }
}

#[transactional]
async fn argument(tx: &mut Tx<'_, Sqlite>, log: &mut Vec<String>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
async fn output<'a>(conn: &mut Conn<'_, Sqlite>, rows: Vec<&'a mut i64>) -> dbop::Result<Option<&'a mut i64>> {
    Ok(None)
}

#[db_op(idempotent)]
async fn without_session(log: &mut Vec<String>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
