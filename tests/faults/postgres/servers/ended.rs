//! What a call sees of a server that is stopped at once: no error message, only the end of the
//! connection.

use std::io::ErrorKind as IoErrorKind;

use dbop::{Category, Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::eventually;
use sqlx::{Connection, Executor, PgConnection, Postgres};
use tokio::sync::Mutex;

use super::Site;
use super::bank::TransferError as Trouble;

/// The I/O error with which a statement failed; `None` if it failed with another error.
type Seen = std::sync::Mutex<Option<IoErrorKind>>;

fn io_kind(error: &sqlx::Error) -> Option<IoErrorKind> {
    match error {
        sqlx::Error::Io(error) => Some(error.kind()),
        _ => None,
    }
}

const SLOW: &str = "SELECT pg_sleep(1000)";

#[db_op(retry = never)]
async fn slow(conn: &mut Conn<'_, Postgres>, seen: &Seen) -> Result<(), Trouble> {
    let error = conn
        .execute(SLOW)
        .await
        .expect_err("the statement is cut off");
    *seen.lock().unwrap() = io_kind(&error);
    Err(dbop::Error::from(error).into())
}

#[transactional(retry = never)]
async fn slow_in_tx(tx: &mut Tx<'_, Postgres>, seen: &Seen) -> Result<(), Trouble> {
    let error = tx
        .execute(SLOW)
        .await
        .expect_err("the statement is cut off");
    *seen.lock().unwrap() = io_kind(&error);
    Err(dbop::Error::from(error).into())
}

#[transactional]
async fn slow_at_commit(tx: &mut Tx<'_, Postgres>) -> Result<(), Trouble> {
    tx.execute("INSERT INTO slow VALUES (1)").await?;
    Ok(())
}

/// A table whose rows are checked when their transaction commits, which takes a long time.
const SLOW_AT_COMMIT: &str = "CREATE TABLE slow (id BIGINT);
    CREATE FUNCTION sleep() RETURNS TRIGGER LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(1000); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON slow
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sleep()";

/// Stops the server once somebody runs this statement.
async fn stop_in(site: &mut Site, text: &str) {
    let watch = Mutex::new(site.outside().await);
    eventually("the statement runs", async || {
        let runs = "SELECT EXISTS (SELECT FROM pg_stat_activity
            WHERE state = 'active' AND query = $1 AND pid <> pg_backend_pid())";
        let runs = sqlx::query_scalar(runs).bind(text);
        runs.fetch_one(&mut *watch.lock().await).await.unwrap()
    })
    .await;
    site.cluster.stop_at_once().await;
}

fn database(result: Result<(), Trouble>) -> dbop::Error {
    match result {
        Err(Trouble::Database(error)) => error,
        other => panic!("not an error of the database: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_stopped_in_a_statement_is_an_outage_and_seen_as_an_end_of_file() {
    let mut site = Site::open(&[]).await;
    let seen = Seen::default();
    for in_tx in [false, true] {
        let db = Db::<Postgres>::connect(site.url()).await.unwrap();
        let call = async {
            match in_tx {
                false => slow(&db, &seen).await,
                true => slow_in_tx(&db, &seen).await,
            }
        };
        let (result, ()) = tokio::join!(call, stop_in(&mut site, SLOW));
        let error = database(result);
        let seen = seen.lock().unwrap().take();
        assert_eq!(seen, Some(IoErrorKind::UnexpectedEof));
        assert_eq!(
            (error.category(), error.kind()),
            (Category::Transient, ErrorKind::Connection)
        );
        let outcome = match in_tx {
            false => Outcome::Unknown,
            true => Outcome::RolledBack,
        };
        assert_eq!(error.outcome().unwrap(), outcome);
        site.cluster.restart().await;
    }
}

#[tokio::test]
async fn a_server_stopped_in_commit_leaves_it_unknown() {
    let mut site = Site::open(&[]).await;
    let db = Db::<Postgres>::connect(site.url()).await.unwrap();
    db.pool().execute(SLOW_AT_COMMIT).await.unwrap();
    let (result, ()) = tokio::join!(slow_at_commit(&db), stop_in(&mut site, "COMMIT"));
    let error = database(result);
    assert_eq!(
        error.as_sqlx().and_then(io_kind),
        Some(IoErrorKind::UnexpectedEof)
    );
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Ambiguous, ErrorKind::CompletionUnknown)
    );
    assert_eq!(
        (error.outcome().unwrap(), error.attempts()),
        (Outcome::Unknown, 1)
    );
    site.cluster.restart().await;
    let mut outside = PgConnection::connect(site.url()).await.unwrap();
    let rows = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM slow");
    assert_eq!(rows.fetch_one(&mut outside).await.unwrap(), 0);
}

/// Shows why dbop does not ask the server for the status of a transaction whose outcome is unknown:
/// after a crash, identifiers that had not reached the disk are used again.
#[tokio::test]
async fn postgres_says_committed_of_a_transaction_that_a_crash_has_undone() {
    let mut site = Site::open(&["wal_writer_delay=10000"]).await;
    let mut lost = site.outside().await;
    let begun = "CREATE TABLE rows (id TEXT); BEGIN; INSERT INTO rows VALUES ('lost')";
    lost.execute(begun).await.unwrap();
    let id = "SELECT pg_current_xact_id()::TEXT";
    let id: String = sqlx::query_scalar(id).fetch_one(&mut lost).await.unwrap();
    site.cluster.stop_at_once().await;
    site.cluster.restart().await;
    let mut later = site.outside().await;
    later
        .execute("CREATE TABLE IF NOT EXISTS rows (id TEXT)")
        .await
        .unwrap();
    for _ in 0..50 {
        later
            .execute("INSERT INTO rows VALUES ('later')")
            .await
            .unwrap();
    }
    let status = sqlx::query_scalar("SELECT pg_xact_status($1::xid8)").bind(&id);
    let status: Option<String> = status.fetch_one(&mut later).await.unwrap();
    assert_eq!(status.as_deref(), Some("committed"));
    let lost = sqlx::query_scalar("SELECT count(*) FROM rows WHERE id = 'lost'");
    let lost: i64 = lost.fetch_one(&mut later).await.unwrap();
    assert_eq!(lost, 0);
}
