//! deadpool-sqlite: rusqlite behind `interact`.

use std::path::Path;

use deadpool_sqlite::{Config, Hook, HookError, Pool, PoolConfig, Runtime};
use rusqlite::Connection;

use super::spawned::{READER, WRITER};
use crate::bodies;
use harness::bank::{Bank, Fallible, Items};

#[derive(Debug)]
pub(crate) struct Deadpool {
    write: Pool,
    read: Pool,
}

fn pool(file: &Path, setup: &'static str, connections: u32) -> Fallible<Pool> {
    let mut config = Config::new(file);
    config.pool = Some(PoolConfig::new(usize::try_from(connections)?));
    let pool = config
        .builder(Runtime::Tokio1)?
        .post_create(Hook::async_fn(move |conn, _| {
            Box::pin(async move {
                let ready = conn.interact(|conn| conn.execute_batch(setup)).await;
                ready
                    .map_err(|error| HookError::message(error.to_string()))?
                    .map_err(HookError::Backend)
            })
        }));
    Ok(pool.build()?)
}

impl Deadpool {
    pub(crate) fn open(file: &Path, readers: u32) -> Fallible<Self> {
        Ok(Self {
            write: pool(file, WRITER, 1)?,
            read: pool(file, READER, readers)?,
        })
    }
}

async fn on<T: Send + 'static>(
    pool: &Pool,
    work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Fallible<T> {
    let conn = pool.get().await?;
    let done = conn.interact(work).await;
    Ok(done.map_err(|error| error.to_string())??)
}

impl Bank for Deadpool {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        on(&self.read, move |conn| bodies::balance(conn, id)).await
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        on(&self.write, move |conn| {
            bodies::transaction(conn, |tx| bodies::transfer(tx, from, to, cents))
        })
        .await
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        on(&self.write, move |conn| {
            bodies::transaction(conn, |tx| bodies::insert_each(tx, &items))
        })
        .await
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        on(&self.write, move |conn| {
            bodies::transaction(conn, |tx| bodies::insert_many(tx, &items))
        })
        .await
    }
}
