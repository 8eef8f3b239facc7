//! Operations that write and read one table of numbers, and an error of each sort, for suites that
//! need nothing else.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dbop::{Conn, DbBuilder, Tx, db_op, transactional};
use dbop_tests::Fresh;
pub(crate) use dbop_tests::Trouble;
use sqlx::Executor;

use super::{Database, fresh_with};

/// The primary key makes a second note of the same number an error.
pub(crate) const SCHEMA: &str = "CREATE TABLE notes (id BIGINT PRIMARY KEY)";

/// Counts how often a body has run.
#[derive(Debug, Default)]
pub(crate) struct Runs(AtomicU32);

impl Runs {
    /// Counts a run and returns its number, the first being 1.
    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) async fn open() -> Fresh<Database> {
    open_with(|builder| builder).await
}

/// Opens a database with one connection that writes, so that a connection that is not given back is
/// missed.
pub(crate) async fn open_narrow() -> Fresh<Database> {
    open_with(|builder| builder.max_connections(1)).await
}

pub(crate) async fn open_with(
    configure: fn(DbBuilder<Database>) -> DbBuilder<Database>,
) -> Fresh<Database> {
    let fresh = fresh_with(configure).await;
    fresh.pool().execute(SCHEMA).await.expect("the schema");
    fresh
}

/// Inserts a note with one statement, wherever that is to run.
pub(crate) async fn insert<'e>(
    executor: impl Executor<'e, Database = Database>,
    id: i64,
) -> sqlx::Result<()> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)");
    insert.bind(id).execute(executor).await.map(drop)
}

#[transactional]
pub(crate) async fn note(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, id).await?)
}

#[db_op]
pub(crate) async fn note_op(conn: &mut Conn<'_, Database>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *conn, id).await?)
}

/// Writes, and fails with an error of the application if it is to.
#[transactional]
pub(crate) async fn note_and_refuse(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    insert(&mut *tx, id).await?;
    Err(Trouble::Refused)
}

#[db_op(read_only, retry = never)]
#[dbop::allow(
    write_in_read_only,
    reason = "what the database says is what is tested"
)]
pub(crate) async fn writes_where_it_may_not(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("INSERT INTO notes VALUES (666)").await?;
    Ok(())
}

#[db_op(read_only)]
pub(crate) async fn notes(conn: &mut Conn<'_, Database>) -> Result<Vec<i64>, Trouble> {
    let ids = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
    Ok(ids.fetch_all(&mut *conn).await?)
}

/// Returns what is stored, as another session sees it.
pub(crate) async fn stored(db: &Fresh<Database>) -> Vec<i64> {
    notes(&**db).await.expect("the notes can be read")
}

/// Awaits something that would hang if it went wrong, and fails if it takes too long.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let limit = Duration::from_secs(20);
    match tokio::time::timeout(limit, future).await {
        Ok(output) => output,
        Err(_) => panic!("this never ended: {what}"),
    }
}
