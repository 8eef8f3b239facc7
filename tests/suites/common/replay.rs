//! Which bodies run again, and which never do.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::{Category, Conn, DbError, ErrorKind, Outcome, Tx, db_op, transactional};
use sqlx::Executor;

use super::super::{HURRY, LOCK_CODE};
use super::bank::{self, balance, total};
use super::blocker::{Blocker, open_impatient};
use super::{Database, outside};

#[derive(Debug, thiserror::Error, DbError)]
pub(crate) enum Failure {
    #[error("the application says no")]
    Refused,
    #[error("something else stumbled in run {0}")]
    #[db_error(category = transient)]
    Stumbled(u32),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

impl Failure {
    pub(crate) fn database(self) -> dbop::Error {
        match self {
            Self::Database(error) => error,
            other => panic!("not an error of the database: {other}"),
        }
    }
}

/// Counts how often a body has run.
#[derive(Debug, Default)]
pub(crate) struct Runs(AtomicU32);

impl Runs {
    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, SeqCst) + 1
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

pub(crate) async fn add<'e>(
    executor: impl Executor<'e, Database = Database>,
    id: i64,
) -> sqlx::Result<()> {
    let add = sqlx::query("UPDATE accounts SET cents = cents + 1 WHERE id = $1");
    add.bind(id).execute(executor).await.map(drop)
}

pub(crate) async fn note<'e>(
    executor: impl Executor<'e, Database = Database>,
    id: i64,
) -> sqlx::Result<()> {
    let note = sqlx::query("INSERT INTO log VALUES ($1, 'x')");
    note.bind(id).execute(executor).await.map(drop)
}

#[db_op]
async fn deposit(
    conn: &mut Conn<'_, Database>,
    blocker: &Blocker,
    runs: &Runs,
) -> Result<(), Failure> {
    if runs.next() == 2 {
        blocker.unlock().await;
    }
    Ok(add(&mut *conn, 1).await?)
}

#[tokio::test]
async fn a_first_statement_refused_by_a_lock_is_replayed() {
    let (fresh, db) = open_impatient().await;
    let (blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    deposit(&db, &blocker, &runs).await.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 101);
}

#[db_op]
async fn note_then_deposit(
    conn: &mut Conn<'_, Database>,
    blocker: &Blocker,
    runs: &Runs,
) -> Result<(), Failure> {
    runs.next();
    note(&mut *conn, 1).await?;
    blocker.lock().await;
    Ok(add(&mut *conn, 1).await?)
}

#[tokio::test]
async fn the_same_refusal_after_a_completed_statement_is_not_replayed() {
    let (fresh, db) = open_impatient().await;
    let (blocker, runs) = (Blocker::new(&fresh).await, Runs::default());
    let failed = note_then_deposit(&db, &blocker, &runs).await;
    let error = failed.unwrap_err().database();
    blocker.unlock().await;
    assert_eq!(runs.count(), 1);
    assert_eq!(error.attempts(), 1);
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Transient, ErrorKind::Lock)
    );
    assert_eq!(
        error.outcome().unwrap(),
        Outcome::Unknown,
        "the first statement stands"
    );
    assert_eq!(notes(&fresh).await, 1);
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 100);
}

pub(crate) async fn notes(db: &dbop::Db<Database>) -> i64 {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM log");
    count.fetch_one(db.pool()).await.unwrap()
}

#[db_op(idempotent)]
async fn note_then_set(
    conn: &mut Conn<'_, Database>,
    blocker: &Blocker,
    runs: &Runs,
) -> Result<(), Failure> {
    let run = runs.next();
    if run == 2 {
        blocker.unlock().await;
    }
    let note = "INSERT INTO log VALUES (1, 'x') ON CONFLICT DO NOTHING";
    sqlx::query(note).execute(&mut *conn).await?;
    if run == 1 {
        blocker.lock().await;
    }
    let set = sqlx::query("UPDATE accounts SET cents = 500 WHERE id = 1");
    set.execute(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn an_idempotent_body_is_replayed_after_a_completed_statement_too() {
    let (fresh, db) = open_impatient().await;
    let (blocker, runs) = (Blocker::new(&fresh).await, Runs::default());
    note_then_set(&db, &blocker, &runs).await.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 500);
    assert_eq!(notes(&fresh).await, 1);
}

#[db_op(read_only)]
async fn read_then_stumble(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<i64, Failure> {
    let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = 1");
    let cents = cents.fetch_one(&mut *conn).await?;
    match runs.next() {
        run @ 1..3 => Err(Failure::Stumbled(run)),
        _ => Ok(cents),
    }
}

#[tokio::test]
async fn a_read_only_body_is_replayed_wherever_it_fails() {
    let db = bank::open().await;
    let runs = Runs::default();
    assert_eq!(read_then_stumble(&*db, &runs).await.unwrap(), 100);
    assert_eq!(runs.count(), 3);
}

#[db_op]
async fn deposit_twice_in_one_text(
    conn: &mut Conn<'_, Database>,
    runs: &Runs,
) -> Result<(), Failure> {
    runs.next();
    let text = "UPDATE accounts SET cents = cents + 1 WHERE id = 1;
                UPDATE accounts SET cents = cents + 1 WHERE id = 2";
    sqlx::raw_sql(text).execute(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn several_statements_in_one_text_are_not_replayed() {
    let (fresh, db) = open_impatient().await;
    let (_blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    let failed = deposit_twice_in_one_text(&db, &runs).await;
    let error = failed.unwrap_err().database();
    assert_eq!((runs.count(), error.kind()), (1, ErrorKind::Lock));
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
}

#[db_op]
async fn deposit_unseen(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Ok(add(conn.conn(), 1).await?)
}

#[tokio::test]
async fn what_went_through_the_raw_connection_is_not_replayed() {
    let (fresh, db) = open_impatient().await;
    let (_blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    let error = deposit_unseen(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.kind()), (1, ErrorKind::Lock));
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
}

#[db_op(idempotent)]
async fn refuse(_conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Err(Failure::Refused)
}

#[transactional]
async fn refuse_in_tx(_tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Err(Failure::Refused)
}

#[db_op(idempotent)]
async fn open_account_again(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    let open = sqlx::query("INSERT INTO accounts VALUES (1, 0)");
    open.execute(&mut *conn).await?;
    Ok(())
}

#[db_op]
async fn deposit_raw(
    #[session] conn: &mut <Database as sqlx::Database>::Connection,
    runs: &Runs,
) -> Result<(), Failure> {
    runs.next();
    Ok(add(&mut *conn, 1).await?)
}

#[tokio::test]
async fn a_body_on_the_drivers_connection_is_not_replayed() {
    let (fresh, db) = open_impatient().await;
    let (_blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    let error = deposit_raw(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.kind()), (1, ErrorKind::Lock));
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
}

#[tokio::test]
async fn an_error_that_would_come_again_is_not_replayed() {
    let db = bank::open().await;
    let runs = Runs::default();
    let refused = refuse(&*db, &runs).await;
    assert!(matches!(refused, Err(Failure::Refused)));
    assert_eq!(runs.count(), 1);
    let refused = refuse_in_tx(&*db, &runs).await;
    assert!(matches!(refused, Err(Failure::Refused)));
    assert_eq!(runs.count(), 2);
    let error = open_account_again(&*db, &runs)
        .await
        .unwrap_err()
        .database();
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Integrity, ErrorKind::Unique)
    );
    assert_eq!(runs.count(), 3);
}

macro_rules! stumble {
    ($name:ident, $attribute:meta, $session:ident) => {
        #[$attribute]
        async fn $name(_s: &mut $session<'_, Database>, runs: &Runs) -> Result<(), Failure> {
            Err(Failure::Stumbled(runs.next()))
        }
    };
}

stumble!(stumble, db_op, Conn);
stumble!(stumble_read_only, db_op(read_only), Conn);
stumble!(stumble_idempotent, db_op(idempotent), Conn);
stumble!(stumble_twice, db_op(idempotent, retry(attempts = 2)), Conn);
stumble!(stumble_never, db_op(idempotent, retry = never), Conn);
stumble!(stumble_in_tx, transactional, Tx);
stumble!(stumble_in_tx_never, transactional(retry = never), Tx);

#[tokio::test]
async fn a_body_that_fails_without_touching_its_session_is_replayed_only_where_declared_harmless() {
    let db = bank::open().await;
    let runs = Runs::default();
    let failed = stumble(&*db, &runs).await.unwrap_err();
    assert!(matches!(failed, Failure::Stumbled(1)));
    for (name, failed) in [
        ("read_only", stumble_read_only(&*db, &Runs::default()).await),
        (
            "idempotent",
            stumble_idempotent(&*db, &Runs::default()).await,
        ),
        ("transactional", stumble_in_tx(&*db, &Runs::default()).await),
    ] {
        let failed = failed.unwrap_err();
        assert!(matches!(failed, Failure::Stumbled(3)), "{name}: {failed}");
    }
}

#[tokio::test]
async fn retry_says_how_often_and_the_last_error_is_returned() {
    let db = bank::open().await;
    let runs = Runs::default();
    let failed = stumble_twice(&*db, &runs).await.unwrap_err();
    assert!(matches!(failed, Failure::Stumbled(2)), "{failed}");
    assert_eq!(runs.count(), 2);
    for failed in [
        stumble_never(&*db, &Runs::default()).await,
        stumble_in_tx_never(&*db, &Runs::default()).await,
    ] {
        assert!(matches!(failed, Err(Failure::Stumbled(1))));
    }
}

#[db_op(name = "bank.deposit", retry(attempts = 3, base = "1ms"))]
async fn deposit_in_vain(conn: &mut Conn<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Ok(add(&mut *conn, 1).await?)
}

#[tokio::test]
async fn when_attempts_run_out_the_error_says_so_and_is_the_databases_own() {
    let (fresh, db) = open_impatient().await;
    let (_blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    let error = deposit_in_vain(&db, &runs).await.unwrap_err().database();
    assert_eq!(runs.count(), 3);
    assert_eq!(error.attempts(), 3);
    assert_eq!(error.operation(), Some("bank.deposit"));
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    let driver = error.as_sqlx().and_then(|error| error.as_database_error());
    assert_eq!(driver.and_then(|e| e.code()).as_deref(), Some(LOCK_CODE));
    let text = error.to_string();
    assert!(text.contains("`bank.deposit` (attempt 3)"), "{text}");
}

#[tokio::test]
async fn on_a_callers_own_connection_nothing_is_replayed() {
    let fresh = bank::open().await;
    let (blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    let mut own = outside(&fresh).await;
    own.execute(HURRY).await.unwrap();
    let error = deposit(&mut own, &blocker, &runs)
        .await
        .unwrap_err()
        .database();
    assert_eq!((runs.count(), error.attempts()), (1, 1));
    assert_eq!(error.kind(), ErrorKind::Lock);
    let failed = stumble_idempotent(&mut own, &Runs::default()).await;
    assert!(matches!(failed, Err(Failure::Stumbled(1))));
}

#[db_op]
async fn deposit_by_another(
    conn: &mut Conn<'_, Database>,
    blocker: &Blocker,
    outer: &Runs,
    inner: &Runs,
) -> Result<(), Failure> {
    outer.next();
    deposit(&mut *conn, blocker, inner).await
}

#[tokio::test]
async fn a_joined_call_leaves_the_replay_to_the_outermost() {
    let (fresh, db) = open_impatient().await;
    let blocker = Blocker::locked(&fresh).await;
    let (outer, inner) = (Runs::default(), Runs::default());
    deposit_by_another(&db, &blocker, &outer, &inner)
        .await
        .unwrap();
    assert_eq!((outer.count(), inner.count()), (2, 2));
    assert_eq!(total(&*fresh).await.unwrap(), 401);
}

/// Fails in its first run, so that the second run shows whether the first was undone.
#[transactional]
async fn note_then_deposit_in_tx(
    tx: &mut Tx<'_, Database>,
    runs: &Runs,
    stumbles: u32,
) -> Result<(), Failure> {
    note(&mut *tx, 1).await?;
    add(&mut *tx, 1).await?;
    match runs.next() {
        run if run <= stumbles => Err(Failure::Stumbled(run)),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn a_transaction_is_replayed_as_a_whole() {
    let db = bank::open().await;
    let runs = Runs::default();
    note_then_deposit_in_tx(&*db, &runs, 2).await.unwrap();
    assert_eq!(runs.count(), 3);
    assert_eq!(notes(&db).await, 1);
    assert_eq!(balance(&*db, 1).await.unwrap(), 101);
}
