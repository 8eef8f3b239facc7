//! dbop: plain functions over rusqlite.

use std::path::Path;
use std::time::Duration;

use dbop::{BlockingDb, db_op, transactional};
use harness::bank::{
    BALANCE, Bank, Fallible, GIVE, INSERT, Item, Items, ROWS_A_STATEMENT, TAKE, insert_many as text,
};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, params_from_iter};

use crate::spawned::WRITER;

pub(crate) struct Plain(BlockingDb<SqliteConnectionManager>);

impl Plain {
    pub(crate) fn open(file: &Path, connections: u32) -> Self {
        let manager = SqliteConnectionManager::file(file);
        let manager = manager.with_init(|conn| conn.execute_batch(WRITER));
        let db = BlockingDb::builder(manager)
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(30));
        Self(db.build())
    }
}

#[db_op(read_only)]
fn balance(conn: &mut Connection, id: i64) -> rusqlite::Result<i64> {
    conn.prepare_cached(BALANCE)?
        .query_row([id], |row| row.get(0))
}

#[transactional]
fn transfer(tx: &mut Connection, from: i64, to: i64, cents: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(TAKE)?.execute([cents, from])?;
    tx.prepare_cached(GIVE)?.execute([cents, to])?;
    Ok(())
}

#[transactional]
fn insert_each(tx: &mut Connection, items: Items) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(INSERT)?;
    for item in items.iter() {
        insert.execute((item.id, &item.name, item.cents))?;
    }
    Ok(())
}

#[transactional]
fn insert_many(tx: &mut Connection, items: Items) -> rusqlite::Result<()> {
    for some in items.chunks(ROWS_A_STATEMENT) {
        let mut insert = tx.prepare_cached(&text(some.len()))?;
        let values = some.iter().flat_map(|item| {
            let Item { id, name, cents } = item;
            [id as &dyn rusqlite::ToSql, name, cents]
        });
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}

impl Bank for Plain {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        Ok(balance(&self.0, id).await?)
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        Ok(transfer(&self.0, from, to, cents).await?)
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        Ok(insert_each(&self.0, Items::clone(items)).await?)
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        Ok(insert_many(&self.0, Items::clone(items)).await?)
    }
}
