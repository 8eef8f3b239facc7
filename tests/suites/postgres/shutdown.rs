//! A handle that is shut down while the server takes its time over `COMMIT`.

use std::time::{Duration, Instant};

use dbop::{ErrorKind, Outcome};
use sqlx::Executor;

use super::common::notes::{self, note, soon, stored};
use super::common::shutdown::{LONG, Stop, note_twice, stored_outside};
use super::outside;

/// Makes each `COMMIT` that has noted something wait for whoever holds the lock.
const WAIT_AT_COMMIT: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait()";
const HOLD_UP: &str = "SELECT pg_advisory_lock(7)";
const LET_GO: &str = "SELECT pg_advisory_unlock(7)";

/// Waits until a `COMMIT` waits for the lock.
async fn a_commit_waits(conn: &mut sqlx::PgConnection) {
    loop {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut *conn)
            .await
            .unwrap();
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_commit_under_way_at_the_deadline_is_waited_for_and_its_call_is_finished() {
    let fresh = notes::open().await;
    fresh.pool().execute(WAIT_AT_COMMIT).await.unwrap();
    let mut outside = outside(&fresh).await;
    outside.execute(HOLD_UP).await.unwrap();
    let db = fresh.db.clone();
    let call = tokio::spawn(async move { note(&db, 1).await });
    soon("the commit", a_commit_waits(&mut outside)).await;
    let (stop, db) = (Stop::new(), fresh.db.clone());
    let at = stop.clone();
    let runs = tokio::spawn(async move { note_twice(&db, 5, &at).await });
    stop.has_one().await;
    let shutdown = fresh.shutdown(Duration::ZERO);
    let let_go = async {
        // Once the deadline has cut off the other call, the server may answer.
        let error = runs.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
        outside.execute(LET_GO).await.unwrap();
    };
    let (shutdown, ()) = soon("both", async { tokio::join!(shutdown, let_go) }).await;
    soon("the call", call).await.unwrap().unwrap();
    assert_eq!(shutdown.rolled_back, ["note_twice"]);
    assert_eq!(shutdown.finished, 1);
    assert!(
        shutdown.unknown.is_empty() && shutdown.closed,
        "{shutdown:?}"
    );
    assert_eq!(stored_outside(&fresh).await, [1]);
}

#[tokio::test]
async fn a_commit_that_is_not_answered_within_the_grace_is_unknown_and_named() {
    let fresh = notes::open().await;
    fresh.pool().execute(WAIT_AT_COMMIT).await.unwrap();
    let mut outside = outside(&fresh).await;
    outside.execute(HOLD_UP).await.unwrap();
    let db = fresh.db.clone();
    let call = tokio::spawn(async move { note(&db, 1).await });
    soon("the commit", a_commit_waits(&mut outside)).await;
    let begun = Instant::now();
    let shutdown = soon("the shutdown", fresh.shutdown(Duration::ZERO)).await;
    assert!(begun.elapsed() >= Duration::from_secs(5), "the grace");
    let error = soon("the call", call).await.unwrap().unwrap_err();
    let error = error.database();
    assert_eq!(error.kind(), ErrorKind::CompletionUnknown, "{error}");
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
    assert_eq!(shutdown.unknown, ["note"]);
    assert_eq!(shutdown, fresh.shutdown(LONG).await);
    outside.execute(LET_GO).await.unwrap();
}

#[tokio::test]
async fn an_advisory_lock_outlives_the_shutdown_and_no_new_one_is_taken() {
    let fresh = notes::open().await;
    let lock = fresh.advisory_lock("kept").await.unwrap();
    assert!(stored(&fresh).await.is_empty());
    assert!(
        soon("the shutdown", fresh.shutdown(LONG))
            .await
            .is_complete()
    );
    assert!(lock.is_held());
    lock.release().await.unwrap();
    let error = fresh.advisory_lock("another").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolClosed, "{error}");
}
