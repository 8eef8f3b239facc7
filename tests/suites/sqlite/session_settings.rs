//! The settings of a session, as SQLite reports them.

use dbop::{AnyDb, Conn, Db, Tx, db_op, transactional};
use dbop_tests::Trouble;
use sqlx::{Executor, Sqlite};

use super::common::notes;

/// The journal of a file, and what holds for one connection: foreign keys, the busy timeout, whether
/// it only reads, and how it waits for the disk (2 is FULL).
const SETTINGS: &str =
    "SELECT concat_ws(' ', journal_mode, foreign_keys, timeout, query_only, synchronous)
    FROM pragma_journal_mode, pragma_foreign_keys, pragma_busy_timeout, pragma_query_only,
    pragma_synchronous";

#[db_op]
async fn asked(conn: &mut Conn<'_, Sqlite>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *conn).await?)
}

#[transactional]
async fn asked_in_a_transaction(tx: &mut Tx<'_, Sqlite>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *tx).await?)
}

#[db_op(read_only)]
async fn asked_of_a_reader(conn: &mut Conn<'_, Sqlite>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *conn).await?)
}

async fn asked_everywhere(db: &Db<Sqlite>) -> [String; 3] {
    [
        asked(db).await.unwrap(),
        asked_in_a_transaction(db).await.unwrap(),
        asked_of_a_reader(db).await.unwrap(),
    ]
}

#[tokio::test]
async fn each_setting_of_a_session_holds_on_the_connection_that_writes_and_on_those_that_read() {
    let fresh = notes::open().await;
    let (write, read) = ("wal 1 250 0 2", "wal 1 250 1 2");
    assert_eq!(asked_everywhere(&fresh).await, [write, write, read]);
    let memory = Db::<Sqlite>::connect("sqlite::memory:").await.unwrap();
    // The only connection is kept from writing by a guard, for the call that reads.
    let [write, _, _] = asked_everywhere(&memory).await;
    assert_eq!(write, "memory 1 250 0 2");
}

#[tokio::test]
async fn a_name_for_the_application_changes_nothing_where_there_is_no_server() {
    let builder = Db::<Sqlite>::builder().url("sqlite::memory:");
    let db = builder.application_name("shop").connect().await.unwrap();
    assert!(asked(&db).await.unwrap().starts_with("memory 1"));
}

#[tokio::test]
async fn urls_of_sqlalchemy_create_and_open_the_file_that_they_name_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("100% new.db");
    let url = format!("sqlite+aiosqlite:///{}", file.display());
    for _ in 0..2 {
        let db = AnyDb::connect(&url).await.unwrap();
        let db = db.as_sqlite().unwrap();
        let table = "CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY)";
        db.pool().execute(table).await.unwrap();
        assert!(file.exists());
        db.close().await;
    }
    let memory = AnyDb::connect("sqlite+aiosqlite://").await.unwrap();
    assert_eq!(memory.system(), "sqlite");
}

#[tokio::test]
async fn a_url_that_means_another_file_to_sqlalchemy_is_refused_with_what_to_write() {
    let refused = Db::<Sqlite>::connect("sqlite:///./new.db?mode=rwc").await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("write `sqlite:./path/to/file.db`"), "{text}");
}
