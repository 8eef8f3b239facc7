//! Functions in chunks of every form.

use dbop::{AnyDb, BulkInsert, ChunkError, Committed, Db, DbError, Tx, transactional};
use futures_util::stream;
use sqlx::Sqlite;

#[derive(Debug, thiserror::Error, DbError)]
enum BankError<T: std::fmt::Debug> {
    #[error("{0:?}")]
    Own(T),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[transactional(chunk = 500, timeout = "5s", retry = never, isolation = serializable)]
#[must_use = "the rest may be missing"]
async fn store<T: Into<i64> + Copy + Send + Sync>(
    tx: &mut Tx<'_, Sqlite>,
    items: &[T],
) -> Result<(), BankError<i64>> {
    let items = items.iter().map(|item| (*item).into());
    BulkInsert::into("numbers").column("n", items).execute(&mut *tx).await?;
    Ok(())
}

struct Importer {
    db: AnyDb,
}

impl Importer {
    #[transactional(on = [Sqlite, Postgres], chunk = 2, db = self.db, name = "import", resume = key)]
    async fn import(
        &self,
        tx: &mut Tx<'_, DB>,
        key: &str,
        #[items] mut rows: &[String],
        others: &[String],
        #[once(skip)] (_left, _right): (i64, i64),
    ) -> sqlx::Result<()> {
        while let [first, rest @ ..] = rows {
            let _ = (&tx, first, key, others);
            rows = rest;
        }
        Ok(())
    }
}

async fn callers(db: &Db<Sqlite>, importer: &Importer) -> Result<(), BankError<i64>> {
    let committed: Committed = store(db, &[1_i32, 2]).await?;
    let _ = committed.items;
    store(db.pool(), stream::iter([1_i64])).await?;
    let rows = vec!["a".to_owned()];
    importer.import("key", &rows, &[], (1, 2)).await?;
    if let Err(ChunkError { committed, error, .. }) = store(db, &[1_i64]).await {
        println!("{} {error}", committed.chunks);
    }
    Ok(())
}

fn spawns(db: Db<Sqlite>) {
    let _ = async move {
        tokio::spawn(async move { store(&db, &[1_i64]).await.map(drop) }).await
    };
}

fn main() {
    let _ = (callers, spawns);
}
