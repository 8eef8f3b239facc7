//! tokio-rusqlite: each connection on a thread of its own. It has no pool, so readers take turns.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_rusqlite::Connection;

use super::spawned::{READER, WRITER};
use crate::bodies;
use harness::bank::{Bank, Fallible, Items};

pub(crate) struct OnThreads {
    write: Connection,
    read: Vec<Connection>,
    next: AtomicUsize,
}

async fn open(file: &Path, setup: &'static str) -> Fallible<Connection> {
    let conn = Connection::open(file).await?;
    conn.call(|conn| conn.execute_batch(setup)).await?;
    Ok(conn)
}

impl OnThreads {
    pub(crate) async fn open(file: &Path, readers: u32) -> Fallible<Self> {
        let write = open(file, WRITER).await?;
        let mut read = Vec::new();
        for _ in 0..readers {
            read.push(open(file, READER).await?);
        }
        Ok(Self {
            write,
            read,
            next: AtomicUsize::new(0),
        })
    }
}

impl Bank for OnThreads {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let conn = &self.read[next % self.read.len()];
        Ok(conn.call(move |conn| bodies::balance(conn, id)).await?)
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        let work = move |conn: &mut _| {
            bodies::transaction(conn, |tx| bodies::transfer(tx, from, to, cents))
        };
        Ok(self.write.call(work).await?)
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        let work =
            move |conn: &mut _| bodies::transaction(conn, |tx| bodies::insert_each(tx, &items));
        Ok(self.write.call(work).await?)
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        let work =
            move |conn: &mut _| bodies::transaction(conn, |tx| bodies::insert_many(tx, &items));
        Ok(self.write.call(work).await?)
    }
}
