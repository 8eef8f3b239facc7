//! A call ends at its deadline, whatever it waits for.

use std::future::pending;
use std::time::{Duration, Instant};

use dbop::{Category, Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use tokio::time::timeout;

use super::Database;
use super::bank::{self, balance};
use super::replay::{Failure, Runs, add, note, notes};

const NEVER: Duration = Duration::from_secs(30);

#[db_op(timeout = "300ms")]
async fn wait_elsewhere(_conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    pending().await
}

#[db_op(timeout = "300ms")]
async fn note_and_wait_elsewhere(conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    note(&mut *conn, 1).await?;
    pending().await
}

#[transactional(timeout = "300ms")]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn deposit_and_wait_elsewhere(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    add(&mut *tx, 1).await?;
    pending().await
}

#[tokio::test]
async fn a_body_that_waits_on_something_else_is_cut_at_the_deadline() {
    let db = bank::open_with(|builder| builder.max_connections(1)).await;
    let begun = Instant::now();
    let error = timeout(NEVER, wait_elsewhere(&*db))
        .await
        .unwrap()
        .unwrap_err()
        .database();
    assert!(
        begun.elapsed() >= Duration::from_millis(300),
        "before the deadline"
    );
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Transient, ErrorKind::Timeout)
    );
    assert_eq!(
        (error.outcome().unwrap(), error.attempts()),
        (Outcome::RolledBack, 1)
    );
    let text = error.to_string();
    assert!(
        text.contains("`wait_elsewhere`") && text.contains("timeout = "),
        "{text}"
    );

    let cut = timeout(NEVER, note_and_wait_elsewhere(&*db)).await.unwrap();
    let error = cut.unwrap_err().database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::Unknown)
    );
    assert_eq!(notes(&db).await, 1, "a completed statement stands");

    let runs = Runs::default();
    let cut = timeout(NEVER, deposit_and_wait_elsewhere(&*db, &runs))
        .await
        .unwrap();
    let error = cut.unwrap_err().database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::RolledBack)
    );
    assert_eq!((runs.count(), error.attempts()), (1, 1));
    assert_eq!(balance(&*db, 1).await.unwrap(), 100);
}

#[transactional(retry = never)]
async fn outer(
    tx: &mut Tx<'_, Database>,
    inner_kind: &mut Option<ErrorKind>,
) -> Result<(), Failure> {
    let cut = deposit_and_wait_elsewhere(&mut *tx, &Runs::default()).await;
    let error = cut.unwrap_err().database();
    *inner_kind = Some(error.kind());
    Err(error.into())
}

#[transactional(timeout = "300ms", retry = never)]
async fn outer_with_less_time(
    tx: &mut Tx<'_, Database>,
    returned: &mut bool,
) -> Result<(), Failure> {
    let cut = deposit_patiently(&mut *tx).await;
    *returned = true;
    cut
}

#[transactional(timeout = "1h")]
#[dbop::allow(
    foreign_await,
    reason = "nothing but the deadline of the call around it ends it"
)]
async fn deposit_patiently(tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
    add(&mut *tx, 1).await?;
    pending().await
}

#[tokio::test]
async fn a_joined_call_can_shorten_the_deadline_and_not_lengthen_it() {
    let db = bank::open().await;
    let mut inner = None;
    let cut = timeout(NEVER, outer(&*db, &mut inner)).await.unwrap();
    assert_eq!(cut.unwrap_err().database().kind(), ErrorKind::Timeout);
    assert_eq!(
        inner,
        Some(ErrorKind::Timeout),
        "the joined call's own time was over"
    );
    let mut returned = false;
    let cut = timeout(NEVER, outer_with_less_time(&*db, &mut returned))
        .await
        .unwrap();
    let error = cut.unwrap_err().database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Timeout, Outcome::RolledBack)
    );
    assert_eq!(balance(&*db, 1).await.unwrap(), 100);
}

#[transactional]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn deposit(tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
    add(&mut *tx, 1).await?;
    pending().await
}

#[tokio::test]
async fn the_handles_timeout_holds_where_the_operation_names_none() {
    let db = bank::open_with(|builder| builder.timeout(Duration::from_millis(300))).await;
    let error = timeout(NEVER, deposit(&*db))
        .await
        .unwrap()
        .unwrap_err()
        .database();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn no_time_at_all_is_a_timeout_and_not_no_limit() {
    let db = bank::open().await;
    for none in [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_micros(400),
    ] {
        let late = Db::builder()
            .url(&db.url)
            .timeout(none)
            .connect()
            .await
            .unwrap();
        let ended = timeout(NEVER, deposit(&late))
            .await
            .expect("a deadline")
            .unwrap_err();
        let error = ended.database();
        let expected = matches!(
            error.kind(),
            ErrorKind::Timeout | ErrorKind::PoolExhausted | ErrorKind::Connection
        );
        assert!(expected, "{error:?}");
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    }
    let forever = Db::builder()
        .url(&db.url)
        .timeout(Duration::MAX)
        .connect()
        .await
        .unwrap();
    assert_eq!(balance(&forever, 1).await.unwrap(), 100);
}
