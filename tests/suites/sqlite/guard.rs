//! `read_only` in memory, where readers and writers share the one connection.

use dbop::{Db, Kind, Tx, transactional};
use sqlx::Executor;

use super::Database;
use super::common::guard::writers_follow_readers;
use super::common::notes::{self, Trouble, insert, note, soon};

async fn memory() -> Db<Database> {
    let db = Db::connect("sqlite::memory:").await.expect("memory");
    let notes = notes::SCHEMA;
    db.pool().execute(notes).await.expect("the schema");
    db
}

#[tokio::test]
async fn a_reader_of_a_pool_in_memory_cannot_write_and_the_next_writer_can() {
    let db = memory().await;
    soon("all of it", writers_follow_readers(db.pool())).await;
}

#[transactional(read_only)]
async fn tries_to_write(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, 1).await?)
}

#[tokio::test]
async fn a_reader_in_memory_cannot_write_and_the_next_writer_can() {
    let db = memory().await;
    for id in 1..=3 {
        let error = tries_to_write(&db).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ReadOnly);
        soon("the writer", note(&db, id)).await.unwrap();
    }
    assert_eq!(notes::notes(&db).await.unwrap(), [1, 2, 3]);
}
