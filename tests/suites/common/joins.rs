//! A call that is given a `Tx` runs in that transaction, under that call's rules.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dbop::{Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};

use super::notes::{self, Runs, Trouble, insert, note, note_op, notes, soon, stored};
use super::{Database, outside};

#[transactional]
async fn note_and_look(tx: &mut Tx<'_, Database>, refuse: bool) -> Result<Vec<i64>, Trouble> {
    insert(&mut *tx, 1).await?;
    note_op(&mut *tx, 2).await?;
    let seen = notes(&mut *tx).await?;
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(seen)
    }
}

#[tokio::test]
async fn a_joined_operation_sees_uncommitted_work_and_commits_with_it() {
    let db = notes::open().await;
    assert_eq!(note_and_look(&*db, false).await.unwrap(), [1, 2]);
    assert_eq!(stored(&db).await, [1, 2]);
}

#[tokio::test]
async fn a_joined_operation_rolls_back_with_its_transaction() {
    let db = notes::open().await;
    note_and_look(&*db, true).await.unwrap_err();
    assert!(stored(&db).await.is_empty());
}

#[db_op]
async fn two_notes(conn: &mut Conn<'_, Database>) -> Result<Vec<i64>, Trouble> {
    note_op(&mut *conn, 1).await?;
    let mut conn = conn;
    note_op(&mut conn, 2).await?;
    notes(&mut conn).await
}

#[tokio::test]
async fn an_operation_joins_the_session_of_another() {
    let db = notes::open_narrow().await;
    assert_eq!(two_notes(&*db).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn an_operation_runs_on_a_connection_of_the_callers() {
    let db = notes::open().await;
    let mut conn = outside(&db).await;
    note_op(&mut conn, 1).await.unwrap();
    note_op(&mut conn, 1).await.unwrap_err();
    assert_eq!(notes(&mut conn).await.unwrap(), [1]);
}

// --- who retries ----------------------------------------------------------------------------------

#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"))]
async fn inner(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    insert(&mut *tx, 1).await?;
    Err(Trouble::NotNow)
}

#[db_op(idempotent, retry(attempts = 3, base = "1ms", cap = "1ms"))]
async fn inner_op(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    insert(&mut *conn, 1).await?;
    Err(Trouble::NotNow)
}

#[transactional(retry(attempts = 3, base = "1ms", cap = "1ms"))]
async fn outer(
    tx: &mut Tx<'_, Database>,
    outer: &Runs,
    inner_runs: &Runs,
    of_op: bool,
) -> Result<(), Trouble> {
    outer.next();
    if of_op {
        inner_op(&mut *tx, inner_runs).await
    } else {
        inner(&mut *tx, inner_runs).await
    }
}

#[tokio::test]
async fn a_joined_call_never_retries_by_itself() {
    let db = notes::open().await;
    for of_op in [false, true] {
        let (outer_runs, inner_runs) = (Runs::default(), Runs::default());
        let error = outer(&*db, &outer_runs, &inner_runs, of_op)
            .await
            .unwrap_err();
        assert!(matches!(error, Trouble::NotNow));
        assert_eq!((outer_runs.count(), inner_runs.count()), (3, 3));
    }
    assert!(stored(&db).await.is_empty());
}

#[transactional(retry = never)]
async fn outer_that_never_retries(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    inner(&mut *tx, runs).await
}

#[tokio::test]
async fn the_outermost_calls_settings_decide_about_retries() {
    let db = notes::open().await;
    let runs = Runs::default();
    outer_that_never_retries(&*db, &runs).await.unwrap_err();
    assert_eq!(runs.count(), 1);
}

// --- deadlines ------------------------------------------------------------------------------------

#[transactional(timeout = "50ms")]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn endless_within_50ms(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    let _ = tx;
    std::future::pending().await
}

#[transactional(timeout = "1h")]
#[dbop::allow(
    foreign_await,
    reason = "nothing but the deadline of the call around it ends it"
)]
async fn endless_within_an_hour(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    let _ = tx;
    std::future::pending().await
}

#[transactional(retry = never, timeout = "1h")]
async fn long_outer(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    endless_within_50ms(&mut *tx).await
}

#[transactional(retry = never, timeout = "200ms")]
async fn short_outer(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    endless_within_an_hour(&mut *tx).await
}

#[tokio::test]
async fn a_joined_call_is_limited_by_its_own_shorter_timeout() {
    let db = notes::open().await;
    let error = soon("the joined call", long_outer(&*db)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.database().operation(), Some("endless_within_50ms"));
}

#[tokio::test]
async fn a_joined_call_cannot_lengthen_the_outer_deadline() {
    let db = notes::open().await;
    let error = soon("the outer call", short_outer(&*db)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
}

/// Runs no statement, so that the body is done in its first poll, however busy the machine is.
#[transactional(timeout = "50ms")]
async fn nothing_within_50ms(tx: &mut Tx<'_, Database>) -> Result<Instant, Trouble> {
    let _ = tx;
    Ok(Instant::now() + Duration::from_millis(50))
}

#[transactional]
async fn notes_after_a_joined_deadline(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    let over = nothing_within_50ms(&mut *tx).await?;
    #[dbop::allow(
        foreign_await,
        reason = "goes on only when the deadline of the joined call is over"
    )]
    while Instant::now() <= over {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    insert(&mut *tx, 1).await?;
    note(&mut *tx, 2).await
}

#[tokio::test]
async fn the_outer_deadline_holds_again_after_a_joined_call() {
    let db = notes::open().await;
    notes_after_a_joined_deadline(&*db).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2]);
}

// --- what a transaction cannot give ---------------------------------------------------------------

#[transactional]
async fn writes(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Trouble> {
    runs.next();
    Ok(insert(&mut *tx, 1).await?)
}

#[transactional(read_only)]
async fn reader_that_calls_a_writer(
    tx: &mut Tx<'_, Database>,
    runs: &Runs,
    swallow: bool,
) -> Result<(), Trouble> {
    match writes(&mut *tx, runs).await {
        Err(_) if swallow => Ok(()),
        result => result,
    }
}

#[tokio::test]
async fn a_writer_is_refused_by_a_read_only_transaction_before_it_runs() {
    let db = notes::open().await;
    for swallow in [false, true] {
        let runs = Runs::default();
        let call = reader_that_calls_a_writer(&*db, &runs, swallow);
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly);
        let message = error.to_string();
        for part in ["`writes`", "`reader_that_calls_a_writer`", "read_only"] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(runs.count(), 0);
    }
    assert!(stored(&db).await.is_empty());
}

#[transactional(read_only)]
async fn read_only_notes(tx: &mut Tx<'_, Database>) -> Result<Vec<i64>, Trouble> {
    notes(&mut *tx).await
}

#[transactional]
async fn writer_that_calls_readers(tx: &mut Tx<'_, Database>) -> Result<Vec<i64>, Trouble> {
    insert(&mut *tx, 1).await?;
    let seen = read_only_notes(&mut *tx).await?;
    // The joined reader has not made the transaction read-only.
    insert(&mut *tx, 2).await?;
    Ok(seen)
}

#[tokio::test]
async fn a_reader_joins_a_writing_transaction() {
    let db = notes::open().await;
    assert_eq!(writer_that_calls_readers(&*db).await.unwrap(), [1]);
    assert_eq!(stored(&db).await, [1, 2]);
}

// --- what callers pass ----------------------------------------------------------------------------

#[transactional]
async fn passes_tx_by_any_reference(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    note(&mut *tx, 1).await?;
    let mut tx = tx;
    note(&mut tx, 2).await?;
    note_op(&mut tx, 3).await?;
    note(tx, 4).await
}

#[tokio::test]
async fn a_transaction_is_joined_through_any_reference_to_it() {
    let db = notes::open_narrow().await;
    soon("the joins", passes_tx_by_any_reference(&*db))
        .await
        .unwrap();
    assert_eq!(stored(&db).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_handle_behind_an_arc_and_a_pool_can_be_passed() {
    let db = notes::open().await;
    let shared: Arc<Db<Database>> = Arc::new(db.db.clone());
    note(&shared, 1).await.unwrap();
    note_op(&shared, 2).await.unwrap();
    note(db.pool(), 3).await.unwrap();
    note_op(db.pool(), 4).await.unwrap();
    assert_eq!(notes(db.pool()).await.unwrap(), [1, 2, 3, 4]);
    note(db.pool(), 1).await.unwrap_err();
    assert_eq!(notes(&shared).await.unwrap(), [1, 2, 3, 4]);
}

struct Notebook {
    db: Db<Database>,
}

impl Notebook {
    #[transactional(db = self.db)]
    async fn write_two(
        &self,
        tx: &mut Tx<'_, Database>,
        first: i64,
        second: i64,
    ) -> Result<(), Trouble> {
        note(&mut *tx, first).await?;
        Self::write(&mut *tx, second).await
    }

    #[transactional]
    async fn write(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
        Ok(insert(&mut *tx, id).await?)
    }

    #[db_op(read_only, db = self.db)]
    async fn read(&self, conn: &mut Conn<'_, Database>) -> Result<Vec<i64>, Trouble> {
        notes(&mut *conn).await
    }
}

#[tokio::test]
async fn methods_take_the_handle_from_self() {
    let db = notes::open().await;
    let notebook = Notebook { db: db.db.clone() };
    notebook.write_two(1, 2).await.unwrap();
    notebook.write_two(3, 2).await.unwrap_err();
    assert_eq!(notebook.read().await.unwrap(), [1, 2]);
}
