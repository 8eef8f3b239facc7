//! A call that has no time left says so, and blames nothing else.

use std::time::Duration;

use dbop::{Category, Conn, ErrorKind, Outcome, Tx, db_op, transactional};
use futures_util::future::join_all;
use sqlx::Executor;

use super::Database;
use super::notes::{self, Trouble, insert};

/// The timeout is so short that it may pass at any await of a call.
#[transactional(timeout = "3ms", retry = never)]
async fn writes_in_no_time(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, id).await?)
}

#[db_op(timeout = "3ms", retry = never, read_only)]
async fn reads_in_no_time(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.execute("SELECT id FROM notes").await?;
    Ok(())
}

#[tokio::test]
async fn a_call_without_time_says_what_it_waited_for_and_blames_nobody() {
    let db = notes::open_with(|builder| builder.max_connections(4)).await;
    let mut late = 0;
    let mut next = 0;
    for _ in 0..40 {
        let writers = join_all((0..16).map(|_| {
            next += 1;
            writes_in_no_time(&*db, next)
        }));
        let readers = join_all((0..16).map(|_| reads_in_no_time(&*db)));
        let (written, read) = tokio::join!(writers, readers);
        for error in written.into_iter().chain(read).filter_map(Result::err) {
            late += 1;
            let error = error.database();
            let text = error.to_string();
            assert!(
                matches!(
                    (error.category(), error.kind()),
                    (Category::Transient, ErrorKind::Timeout)
                        | (Category::Resource, ErrorKind::PoolExhausted)
                        | (Category::Ambiguous, ErrorKind::CompletionUnknown)
                        | (Category::Cancelled, ErrorKind::QueryCanceled)
                        | (Category::Transient, ErrorKind::Lock)
                ),
                "{text}"
            );
            let blames = [
                "running and reachable",
                "cannot be used as a database",
                "does not exist",
            ];
            assert!(!blames.iter().any(|words| text.contains(words)), "{text}");
            if error.kind() == ErrorKind::Timeout {
                assert!(
                    text.contains("waiting for") || text.contains("timeout"),
                    "{text}"
                );
            }
            if error.kind() != ErrorKind::CompletionUnknown {
                assert_eq!(error.outcome().unwrap(), Outcome::RolledBack, "{text}");
            }
        }
    }
    assert!(late > 0, "3 ms were always enough");
    // Nothing of the late calls is left: the pool serves the next one.
    let limit = Duration::from_secs(20);
    let patient = tokio::time::timeout(limit, notes::note(&*db, -1)).await;
    patient.expect("a connection").unwrap();
}
