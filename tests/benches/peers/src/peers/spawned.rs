//! rusqlite in `spawn_blocking`, with a stack of connections and a semaphore that counts them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::bodies;
use harness::bank::{Bank, Fallible, Items};

/// The settings of a connection, as dbop sets them for its own. `synchronous` stays at SQLite's
/// default, FULL.
pub(crate) const WRITER: &str =
    "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 250;";
pub(crate) const READER: &str = "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;
     PRAGMA busy_timeout = 250; PRAGMA query_only = ON;";

#[derive(Clone)]
pub(crate) struct Stack {
    free: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

pub(crate) struct Spawned {
    write: Stack,
    read: Stack,
}

impl Stack {
    pub(crate) fn open(file: &Path, setup: &str, connections: u32) -> Fallible<Self> {
        let open = |_| {
            let conn = Connection::open(file)?;
            conn.execute_batch(setup)?;
            rusqlite::Result::Ok(conn)
        };
        let free: Vec<_> = (0..connections)
            .map(open)
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            places: Arc::new(Semaphore::new(free.len())),
            free: Arc::new(Mutex::new(free)),
        })
    }

    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Fallible<T> {
        let place = Arc::clone(&self.places).acquire_owned().await?;
        let free = Arc::clone(&self.free);
        let done = spawn_blocking(move || {
            let lock = || free.lock().unwrap_or_else(PoisonError::into_inner);
            let mut conn = lock().pop().expect("as many as there are places");
            let done = work(&mut conn);
            lock().push(conn);
            drop(place);
            done
        });
        Ok(done.await??)
    }
}

impl Spawned {
    pub(crate) fn open(file: &Path, readers: u32) -> Fallible<Self> {
        Ok(Self {
            write: Stack::open(file, WRITER, 1)?,
            read: Stack::open(file, READER, readers)?,
        })
    }
}

impl Bank for Spawned {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        self.read.with(move |conn| bodies::balance(conn, id)).await
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        let work = move |conn: &mut _| {
            bodies::transaction(conn, |tx| bodies::transfer(tx, from, to, cents))
        };
        self.write.with(work).await
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        self.write
            .with(move |conn| bodies::transaction(conn, |tx| bodies::insert_each(tx, &items)))
            .await
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        self.write
            .with(move |conn| bodies::transaction(conn, |tx| bodies::insert_many(tx, &items)))
            .await
    }
}
