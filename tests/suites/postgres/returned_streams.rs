//! Operations that return streams, and what the server does to them.

use std::time::Duration;

use dbop::{Conn, ErrorKind, Outcome, db_op};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use sqlx::{Executor, Postgres};
use tokio::time::sleep;

use super::common::notes::{self, Runs, Trouble, soon};
use super::common::returned_streams::up_to;
use super::{outside, statement_limit};

type Item<T> = Result<T, Trouble>;

/// Returns rows that no buffer on the way has room for all of.
#[db_op(read_only)]
fn long_rows(conn: &mut Conn<'_, Postgres>, rows: i64) -> BoxStream<'_, Item<String>> {
    sqlx::query_scalar("SELECT repeat('x', 10000) FROM generate_series(1, $1)")
        .bind(rows)
        .fetch(conn)
        .map_err(|error| Trouble::Database(error.into()))
        .boxed()
}

#[db_op(read_only)]
async fn limit(conn: &mut Conn<'_, Postgres>) -> dbop::Result<String> {
    Ok(statement_limit(conn.conn()).await)
}

const LIMIT: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_reader_may_take_longer_than_the_servers_limit_of_a_statement() {
    let configure =
        |builder: dbop::DbBuilder<Postgres>| builder.max_connections(1).statement_timeout(LIMIT);
    let db = notes::open_with(configure).await;
    let mut rows = long_rows(&*db, 10_000);
    rows.next().await.unwrap().unwrap();
    sleep(LIMIT * 2).await;
    assert_eq!(soon("the rows", rows.count()).await, 9_999);
    let after = soon("the next call", limit(&*db)).await.unwrap();
    assert_eq!(after, "700ms", "the session has its limit again");
}

#[db_op(read_only)]
fn counted<'c>(
    conn: &'c mut Conn<'_, Postgres>,
    runs: &'c Runs,
    last: i64,
) -> BoxStream<'c, Item<i64>> {
    runs.next();
    up_to(conn, last)
}

/// Ends every other session of the database.
async fn end_all_others(fresh: &dbop_tests::Fresh<Postgres>) {
    let others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    outside(fresh).await.execute(others).await.unwrap();
}

#[tokio::test]
async fn a_stream_whose_session_died_while_it_was_idle_gets_another() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    let before: Vec<_> = counted(&*db, &runs, 2).try_collect().await.unwrap();
    end_all_others(&db).await;
    let after: Vec<_> = soon("the stream", counted(&*db, &runs, 2).try_collect())
        .await
        .unwrap();
    assert_eq!((before, after), (vec![1, 2], vec![1, 2]));
}

#[tokio::test]
async fn a_stream_whose_session_dies_after_an_item_ends_with_the_error() {
    let db = notes::open_narrow().await;
    let runs = Runs::default();
    let mut stream = counted(&*db, &runs, 100_000_000);
    let mut last = stream.next().await.unwrap().unwrap();
    end_all_others(&db).await;
    let error = loop {
        match soon("the item", stream.next()).await.unwrap() {
            Ok(next) => {
                assert_eq!(next, last + 1, "no item comes twice");
                last = next;
            }
            Err(error) => break error,
        }
    };
    let error = error.database();
    let lost = [ErrorKind::ShuttingDown, ErrorKind::Connection];
    assert!(lost.contains(&error.kind()), "{error}");
    assert_eq!(
        (error.attempts(), error.outcome()),
        (1, Some(Outcome::RolledBack))
    );
    assert!(stream.next().await.is_none());
    assert_eq!(runs.count(), 1);
    let again: Vec<_> = soon("the next call", counted(&*db, &runs, 2).try_collect())
        .await
        .unwrap();
    assert_eq!(again, [1, 2]);
}

#[tokio::test]
async fn the_statement_of_a_dropped_stream_ends() {
    let db = notes::open_narrow().await;
    let mut rows = long_rows(&*db, 100_000_000);
    rows.next().await.unwrap().unwrap();
    drop(rows);
    let conn = tokio::sync::Mutex::new(outside(&db).await);
    let running = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND query LIKE 'SELECT repeat%' AND state = 'active'";
    dbop_tests::eventually("the statement ends", async || {
        let mut conn = conn.lock().await;
        let count: i64 = sqlx::query_scalar(running)
            .fetch_one(&mut *conn)
            .await
            .unwrap();
        count == 0
    })
    .await;
}
