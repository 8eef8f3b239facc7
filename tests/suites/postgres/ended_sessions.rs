//! Sessions that the server ends, and errors by which the server says that it does not know an
//! outcome.

use dbop::{Category, Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::{Fresh, eventually};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool};

use super::common::notes::{self, Runs, Trouble, insert, note_op, soon, stored};
use super::replay::until_somebody_waits;
use super::{Database, outside};

/// A statement that waits for the holder of the advisory lock, and then writes.
const GATED: &str = "WITH gate AS (SELECT pg_advisory_xact_lock(7))
    INSERT INTO notes SELECT 1 FROM gate";

#[db_op]
async fn gated(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    conn.execute(GATED).await?;
    Ok(())
}

#[transactional]
async fn gated_in_tx(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    tx.execute(GATED).await?;
    Ok(())
}

#[transactional(retry = never)]
async fn gated_once_in_tx(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    tx.execute(GATED).await?;
    Ok(())
}

/// An advisory lock that one session holds, and another session that watches who waits for it.
struct Gate {
    holder: PgConnection,
    watch: PgConnection,
}

impl Gate {
    async fn shut(fresh: &Fresh<Database>) -> Self {
        let mut holder = outside(fresh).await;
        let lock = "SELECT pg_advisory_lock(7)";
        holder.execute(lock).await.unwrap();
        let watch = outside(fresh).await;
        Self { holder, watch }
    }

    /// Ends the session that waits at the gate, and then opens the gate.
    async fn end_who_waits(mut self) {
        until_somebody_waits(&mut self.watch).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        self.watch.execute(end).await.unwrap();
        let unlock = "SELECT pg_advisory_unlock(7)";
        self.holder.execute(unlock).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_ended_in_its_first_statement_leaves_its_effect_unknown() {
    let db = notes::open_narrow().await;
    let (gate, runs) = (Gate::shut(&db).await, Runs::default());
    let both = async { tokio::join!(gated(&*db, &runs), gate.end_who_waits()) };
    let (result, ()) = soon("the call", both).await;
    let error = result.unwrap_err();
    assert_eq!(error.database().outcome().unwrap(), Outcome::Unknown);
    assert_eq!(runs.count(), 1);
    soon("the next call", note_op(&*db, 2)).await.unwrap();
}

#[tokio::test]
async fn a_transaction_whose_session_was_ended_is_replayed() {
    let db = notes::open_narrow().await;
    let (gate, runs) = (Gate::shut(&db).await, Runs::default());
    let both = async { tokio::join!(gated_in_tx(&*db, &runs), gate.end_who_waits()) };
    let (result, ()) = soon("the call", both).await;
    result.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(stored(&db).await, [1]);
}

#[tokio::test]
async fn a_transaction_whose_session_was_ended_has_rolled_back() {
    let db = notes::open_narrow().await;
    let (gate, runs) = (Gate::shut(&db).await, Runs::default());
    let both = async { tokio::join!(gated_once_in_tx(&*db, &runs), gate.end_who_waits()) };
    let (result, ()) = soon("the call", both).await;
    let error = result.unwrap_err();
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert!(stored(&db).await.is_empty());
    soon("the next call", note_op(&*db, 2)).await.unwrap();
}

#[db_op]
async fn call_it(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    conn.execute("SELECT fails()").await?;
    Ok(())
}

/// Creates a function that fails with this code.
async fn fails_with(db: &Db<Database>, code: &str) {
    let function = format!(
        "CREATE OR REPLACE FUNCTION fails() RETURNS INT LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END $$"
    );
    let function = AssertSqlSafe(function);
    db.pool().execute(function).await.expect("the function");
}

#[tokio::test]
async fn an_error_that_says_it_is_not_known_leaves_the_effect_unknown() {
    let db = notes::open_narrow().await;
    for code in ["40003", "08007"] {
        fails_with(&db, code).await;
        let runs = Runs::default();
        let error = call_it(&*db, &runs).await.unwrap_err();
        assert_eq!(
            error.database().outcome().unwrap(),
            Outcome::Unknown,
            "{code}"
        );
        assert_eq!(runs.count(), 1, "{code}");
    }
    // For comparison, this code leaves no doubt.
    fails_with(&db, "40001").await;
    let runs = Runs::default();
    let error = call_it(&*db, &runs).await.unwrap_err();
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(runs.count(), 5);
}

/// Waits until the server has ended this session.
async fn gone(fresh: &Fresh<Database>, session: i32) {
    let watch = PgPool::connect_lazy(&fresh.url).expect("a URL");
    let there = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)";
    eventually("the server ends the session", || async {
        let there = sqlx::query_scalar::<_, bool>(there).bind(session);
        !there.fetch_one(&watch).await.expect("an answer")
    })
    .await;
    watch.close().await;
}

const PID: &str = "SELECT pg_backend_pid()";

#[transactional(allow(foreign_await))]
async fn idles_before_commit(
    tx: &mut Tx<'_, Database>,
    fresh: &Fresh<Database>,
    runs: &Runs,
) -> Result<(), Trouble> {
    runs.next();
    insert(&mut *tx, 1).await?;
    let session = sqlx::query_scalar(PID).fetch_one(&mut *tx).await?;
    let soon = "SET LOCAL idle_in_transaction_session_timeout = 50";
    tx.execute(soon).await?;
    gone(fresh, session).await;
    Ok(())
}

#[tokio::test]
async fn a_commit_that_comes_after_its_idle_session_was_ended_has_not_run() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    let call = idles_before_commit(&*db, &db, &runs);
    let error = soon("the call", call).await.unwrap_err();
    let error = error.database();
    assert_eq!(error.category(), Category::Programming);
    assert_eq!(error.kind(), ErrorKind::SessionTimeout);
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(runs.count(), 1);
    assert!(stored(&db).await.is_empty());
    soon("the next call", note_op(&*db, 2)).await.unwrap();
}

#[db_op]
async fn which(conn: &mut Conn<'_, Database>) -> Result<i32, Trouble> {
    Ok(sqlx::query_scalar(PID).fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn a_first_statement_on_a_session_that_was_ended_for_idling_runs_on_another() {
    let fresh = notes::open_narrow().await;
    let url = format!("{}?options=-c%20idle_session_timeout%3D50", fresh.url);
    let db = Db::builder()
        .url(url)
        .max_connections(1)
        .connect()
        .await
        .unwrap();
    let session = which(&db).await.unwrap();
    gone(&fresh, session).await;
    soon("the call", note_op(&db, 1)).await.unwrap();
    assert_eq!(stored(&fresh).await, [1]);
}
