//! Arguments that every attempt can be given, and operations that make one attempt.
#![deny(warnings)]
#![allow(dead_code)]

use std::sync::Arc;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{PgPool, Sqlite};

async fn names(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<Vec<String>> {
    let names = sqlx::query_scalar("SELECT name FROM users");
    Ok(names.fetch_all(&mut *tx).await?)
}

#[transactional]
async fn taken_by_value_and_returned(
    tx: &mut Tx<'_, Sqlite>,
    mut all: Vec<String>,
) -> dbop::Result<Vec<String>> {
    all.extend(names(tx).await?);
    Ok(all)
}

#[transactional]
async fn shared_references(
    tx: &mut Tx<'_, Sqlite>,
    filter: &(dyn Fn(&str) -> bool + Sync),
    normalize: fn(&mut String),
    prefix: &str,
) -> dbop::Result<Vec<String>> {
    let mut all = names(tx).await?;
    all.iter_mut().for_each(normalize);
    all.retain(|name| filter(name) && name.starts_with(prefix));
    Ok(all)
}

struct Ledger(Vec<String>);

impl Ledger {
    #[transactional]
    async fn lent_again(&self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<&[String]> {
        names(tx).await?;
        Ok(&self.0)
    }

    // What it writes is set, and not added to.
    #[transactional]
    async fn lent_again_to_write(&mut self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        self.0 = names(tx).await?;
        Ok(())
    }

    #[transactional]
    async fn a_pointer_that_is_lent(
        self: &Arc<Self>,
        tx: &mut Tx<'_, Sqlite>,
    ) -> dbop::Result<usize> {
        Ok(names(tx).await?.len() + self.0.len())
    }

    #[transactional(retry = never)]
    async fn one_attempt(self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<Self> {
        names(tx).await?;
        Ok(self)
    }
}

#[transactional(allow(unreplayable_argument, reason = "begins by clearing it"))]
async fn allowed(tx: &mut Tx<'_, Sqlite>, into: &mut Vec<String>) -> dbop::Result<()> {
    into.clear();
    into.extend(names(tx).await?);
    Ok(())
}

// Nothing replays it.
#[db_op(allow(no_session))]
async fn without_a_session(pool: &PgPool, log: &mut Vec<String>) -> dbop::Result<()> {
    sqlx::query("SELECT 1").execute(pool).await?;
    log.push("read".to_owned());
    Ok(())
}

#[db_op(retry = never)]
async fn one_attempt(conn: &mut Conn<'_, Sqlite>, log: &mut Vec<String>) -> dbop::Result<()> {
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    log.push("read".to_owned());
    Ok(())
}

fn main() {}
