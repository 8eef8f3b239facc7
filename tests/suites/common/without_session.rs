//! Operations to which dbop gives no session: on a connection of the caller's, or without a
//! connection.

use std::time::Duration;

use dbop::{Conn, ErrorKind, db_op};
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::{Instant, sleep, timeout};

use super::notes::{self, Trouble, soon};
use super::{Database, outside};

#[db_op]
async fn takes_its_time(answer: u32) -> Result<u32, Trouble> {
    sleep(Duration::from_secs(3600)).await;
    Ok(answer)
}

#[db_op(timeout = "1s")]
async fn is_in_a_hurry(answer: u32) -> Result<u32, Trouble> {
    sleep(Duration::from_secs(3600)).await;
    Ok(answer)
}

#[tokio::test(start_paused = true)]
async fn an_operation_without_a_session_has_no_deadline_unless_it_names_one() {
    assert_eq!(takes_its_time(7).await.unwrap(), 7);
    let begun = Instant::now();
    assert_eq!(
        is_in_a_hurry(7).await.unwrap_err().kind(),
        ErrorKind::Timeout
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[db_op(timeout = "300ms")]
async fn says_in_a_hurry(conn: &mut Conn<'_, Database>, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[tokio::test]
async fn a_deadline_on_a_callers_connection_stops_the_statement_and_leaves_the_session_as_it_was() {
    let db = notes::open().await;
    let mut own = outside(&db).await;
    let limit = super::super::statement_limit(&mut own).await;
    for n in 0..2 {
        let late = says_in_a_hurry(&mut own, super::super::ENDLESS);
        let error = soon("the call", late).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        let insert = notes::insert(&mut own, n);
        let next = timeout(Duration::from_secs(10), insert).await;
        next.expect("the statement before still runs").unwrap();
        assert_eq!(super::super::statement_limit(&mut own).await, limit);
    }
    // A call that is not late leaves nothing behind either.
    says_in_a_hurry(&mut own, "SELECT 1").await.unwrap();
    assert_eq!(super::super::statement_limit(&mut own).await, limit);
}

#[db_op]
async fn says(conn: &mut Conn<'_, Database>, sql: &str) -> Result<(), Trouble> {
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

#[tokio::test]
async fn a_call_on_a_callers_connection_has_no_deadline_unless_its_operation_names_one() {
    let db = notes::open().await;
    let mut own = outside(&db).await;
    let limit = super::super::statement_limit(&mut own).await;
    says(&mut own, super::super::BRIEF).await.unwrap();
    assert_eq!(super::super::statement_limit(&mut own).await, limit);
}

#[db_op(read_only)]
async fn stumbles(conn: &mut Conn<'_, Database>, runs: &notes::Runs) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    runs.next();
    Err(Trouble::NotNow)
}

#[db_op(read_only, allow(no_session))]
async fn calls_one_that_stumbles(
    pool: &sqlx::Pool<Database>,
    runs: &notes::Runs,
) -> Result<(), Trouble> {
    stumbles(pool, runs).await
}

#[tokio::test]
async fn what_a_call_inside_has_tried_often_enough_is_not_tried_again_from_outside() {
    let db = notes::open().await;
    let (alone, inside) = (notes::Runs::default(), notes::Runs::default());
    stumbles(db.pool(), &alone).await.unwrap_err();
    calls_one_that_stumbles(db.pool(), &inside)
        .await
        .unwrap_err();
    assert!(alone.count() > 1);
    assert_eq!(inside.count(), alone.count());
}
