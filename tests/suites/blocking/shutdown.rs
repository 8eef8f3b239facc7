//! A handle of plain functions that is shut down.

use std::time::Duration;

use dbop::{ErrorKind, Outcome, db_op, transactional};
use dbop_tests::blocking::Gate;
use dbop_tests::blocking::rusqlite::{self, Session};

const LONG: Duration = Duration::from_secs(3600);

#[transactional(retry = never)]
fn add_and_wait(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
    rusqlite::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    gate.pass();
    Ok(())
}

#[db_op(read_only)]
fn count(conn: &mut Session) -> dbop::Result<i64> {
    rusqlite::number(conn, "SELECT count(*) FROM notes")
}

#[tokio::test]
async fn a_body_that_runs_finishes_and_no_other_begins() {
    let world = rusqlite::open(|builder| builder).await;
    let gate = Gate::default();
    let shutdown = async {
        gate.has(1).await;
        let mut shutdown = Box::pin(world.db.shutdown(LONG));
        assert!(dbop_tests::poll_at_most(1, &mut shutdown).await.is_none());
        let error = count(&world).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
        assert_eq!((error.attempts(), error.http_status()), (0, 503));
        gate.open();
        shutdown.await
    };
    let (added, shutdown) = tokio::join!(add_and_wait(&world, 1, &gate), shutdown);
    added.unwrap();
    assert!(shutdown.is_complete(), "{shutdown:?}");
    assert_eq!(shutdown.finished, 1);
    assert_eq!(world.rows(1).await, 1);
}

#[tokio::test]
async fn a_body_that_runs_past_the_deadline_commits_nothing_and_its_thread_is_counted() {
    let world = rusqlite::open(|builder| builder).await;
    let gate = Gate::default();
    let shutdown = async {
        gate.has(1).await;
        world.db.shutdown(Duration::ZERO).await
    };
    let (added, shutdown) = tokio::join!(add_and_wait(&world, 1, &gate), shutdown);
    let error = added.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
    assert_eq!(error.outcome(), Some(Outcome::RolledBack));
    assert_eq!(shutdown.rolled_back, ["add_and_wait"]);
    assert_eq!(
        shutdown.unfinished, 1,
        "the thread waits at the gate: {shutdown:?}"
    );
    gate.open();
    assert_eq!(world.rows(1).await, 0);
}
