//! Plain functions.

mod arguments;
mod attributes;
mod errors;
mod generics;
mod hygiene;
mod options;
mod places;
mod receivers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::{BlockingDb, DbError, db_op, transactional};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

type SqliteDb = BlockingDb<SqliteConnectionManager>;

/// An error of which one kind is transient.
#[derive(Debug, thiserror::Error, DbError)]
enum AppError {
    #[error("come again")]
    #[db_error(category = transient)]
    Busy,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

type Answer<T = i64> = Result<T, AppError>;

/// Fails the first attempt of all that pass. Clones share the count.
#[derive(Clone, Debug, Default)]
struct Flaky(Arc<AtomicU32>);

impl Flaky {
    fn pass(&self) -> Answer<()> {
        match self.0.fetch_add(1, SeqCst) {
            0 => Err(AppError::Busy),
            _ => Ok(()),
        }
    }

    fn attempts(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

/// Lets the database return the value it is given.
fn echo(conn: &Connection, value: i64) -> rusqlite::Result<i64> {
    conn.query_row("SELECT ?1", [value], |row| row.get(0))
}

/// Opens a database that lives as long as its only connection.
async fn open() -> SqliteDb {
    let db = BlockingDb::builder(SqliteConnectionManager::memory())
        .max_connections(1)
        .build();
    schema(&db).await.unwrap();
    db
}

#[db_op]
fn schema(conn: &mut Connection) -> dbop::Result<()> {
    conn.execute_batch("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    Ok(())
}

#[transactional]
fn add(conn: &mut Connection, body: &str) -> dbop::Result<i64> {
    conn.execute("INSERT INTO notes (body) VALUES (?1)", [body])?;
    Ok(conn.last_insert_rowid())
}

#[db_op(read_only)]
fn count(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))
}

#[tokio::test]
async fn a_plain_function_is_awaited() {
    let db = open().await;
    assert_eq!(add(&db, "one").await.unwrap(), 1);
    assert_eq!(count(&db).await.unwrap(), 1);
}

#[transactional]
fn add_all(
    conn: &mut Connection,
    bodies: &[&str],
    last: Option<&str>,
    n: &[i64],
) -> dbop::Result<i64> {
    for body in bodies {
        add_sync(conn, body)?;
    }
    if let Some(last) = last {
        add_sync(conn, last)?;
    }
    Ok(n.iter().sum())
}

#[tokio::test]
async fn arguments_are_borrowed_again_on_the_other_thread() {
    let db = open().await;
    let owned = String::from("b");
    assert_eq!(
        add_all(&db, &["a", &owned], Some("c"), &[1, 2])
            .await
            .unwrap(),
        3
    );
    assert_eq!(count(&db).await.unwrap(), 3);
}

#[derive(Clone)]
struct Notes {
    db: SqliteDb,
    prefix: String,
}

trait Store {
    async fn put(&self, body: &str) -> dbop::Result<i64>;
}

impl Notes {
    #[transactional(db = self.db)]
    fn put_prefixed(&self, conn: &mut Connection, body: &str) -> dbop::Result<i64> {
        add_sync(conn, &format!("{}{body}", self.prefix))
    }

    #[transactional]
    fn arced(
        self: &Arc<Self>,
        conn: &mut Connection,
        (a, b): (i64, i64),
        mut c: i64,
    ) -> dbop::Result<i64> {
        c += a + b;
        add_sync(conn, &format!("{}{c}", self.prefix))
    }

    #[db_op(in_impl)]
    fn named(conn: &mut Connection) -> dbop::Result<i64> {
        Ok(count_sync(conn)?)
    }
}

impl Store for Notes {
    #[transactional(db = self.db, in_trait_impl)]
    fn put(&self, conn: &mut Connection, body: &str) -> dbop::Result<i64> {
        self.put_prefixed_sync(conn, body)
    }
}

#[tokio::test]
async fn methods_borrow_a_clone_of_self() {
    let db = open().await;
    let notes = Notes {
        db: db.clone(),
        prefix: "p".to_owned(),
    };
    assert_eq!(notes.put_prefixed("x").await.unwrap(), 1);
    assert_eq!(notes.put("x").await.unwrap(), 2);
    assert_eq!(Arc::new(notes).arced(&db, (1, 2), 3).await.unwrap(), 3);
    assert_eq!(Notes::named(&db).await.unwrap(), 3);
}

#[derive(Debug, thiserror::Error, DbError)]
enum Failure {
    #[error("no")]
    No,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[db_op(retry = never)]
fn without_a_connection(text: &str, n: i64) -> Result<usize, Failure> {
    if n < 0 {
        return Err(Failure::No);
    }
    Ok(text.len())
}

#[tokio::test]
async fn a_function_without_a_connection_only_moves() {
    assert_eq!(without_a_connection("abc", 1).await.unwrap(), 3);
    assert!(without_a_connection("abc", -1).await.is_err());
}
