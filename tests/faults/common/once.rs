//! `once = key`: one effect for each key, and the same answer for every caller.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Category, Db, ErrorKind, Outcome, Tx, transactional};
pub(crate) use dbop_tests::Trouble;
use dbop_tests::{Fresh, poll_at_most};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use sqlx::Executor;
use tokio::time::sleep;

use super::super::between;
use super::{Database, fresh_with};

/// What a payment returns. It is different for each run of the body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) run: u32,
    pub(crate) cents: f64,
}

/// Counts how often bodies have run.
#[derive(Debug, Default)]
pub(crate) struct Runs(AtomicU32);

impl Runs {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(SeqCst)
    }

    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, SeqCst) + 1
    }
}

pub(crate) async fn open() -> Fresh<Database> {
    let fresh = fresh_with(|builder| builder.max_connections(40)).await;
    let schema = "CREATE TABLE payments (id BIGINT NOT NULL, cents DOUBLE PRECISION NOT NULL)";
    fresh.pool().execute(schema).await.expect("the schema");
    fresh
}

async fn store(tx: &mut Tx<'_, Database>, id: i64, cents: f64) -> sqlx::Result<()> {
    let insert = sqlx::query("INSERT INTO payments VALUES ($1, $2)");
    insert
        .bind(id)
        .bind(cents)
        .execute(&mut *tx)
        .await
        .map(drop)
}

/// Writes to a table without a key that would stop a second row, so that a body that runs twice
/// shows.
#[transactional(once = id)]
pub(crate) async fn pay(
    tx: &mut Tx<'_, Database>,
    id: i64,
    cents: f64,
    #[once(skip)] runs: &Runs,
) -> Result<Receipt, Trouble> {
    let run = runs.next();
    store(&mut *tx, id, cents).await?;
    Ok(Receipt { run, cents })
}

macro_rules! at_level {
    ($name:ident, $($option:tt)*) => {
        #[transactional(name = "pay_at_level", once = id, $($option)*)]
        async fn $name(
            tx: &mut Tx<'_, Database>,
            id: i64,
            #[once(skip)] runs: &Runs,
        ) -> Result<Receipt, Trouble> {
            let run = runs.next();
            let read = sqlx::query_scalar("SELECT COUNT(*) FROM payments");
            let seen: i64 = read.fetch_one(&mut *tx).await?;
            assert_eq!(seen, 0, "no other call has got this far");
            #[dbop::allow(foreign_await, reason = "gives all others the time to get to their first statement")]
            sleep(Duration::from_millis(300)).await;
            store(&mut *tx, id, 1.0).await?;
            Ok(Receipt { run, cents: 1.0 })
        }
    };
}

at_level!(by_default, timeout = "20s");
at_level!(read_committed, timeout = "20s", isolation = read_committed);
at_level!(
    repeatable_read,
    timeout = "20s",
    isolation = repeatable_read
);
at_level!(serializable, timeout = "20s", isolation = serializable);
at_level!(
    without_retry,
    timeout = "20s",
    isolation = repeatable_read,
    retry = never
);

pub(crate) async fn rows(db: &Db<Database>, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    let count = sqlx::query_scalar(count).fetch_one(db.pool()).await;
    count.expect("the number of rows")
}

async fn execute(db: &Db<Database>, sql: &'static str) {
    db.pool().execute(sql).await.expect(sql);
}

macro_rules! concurrent {
    ($($test:ident: $operation:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let (db, runs) = (open().await, Runs::default());
            execute(&db, Db::<Database>::ONCE_SCHEMA).await;
            let calls = join_all((0..32).map(|_| $operation(&*db, 7, &runs))).await;
            let answers: Vec<_> = calls.into_iter().map(|call| call.expect("an answer")).collect();
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
            assert_eq!(rows(&db, "payments").await, 1);
            assert_eq!(rows(&db, "dbop_once").await, 1);
        }
    )*};
}

concurrent! {
    of_32_callers_of_one_key_one_takes_effect_and_all_get_its_answer: by_default;
    at_read_committed_one_caller_of_a_key_takes_effect_and_all_get_its_answer: read_committed;
    at_repeatable_read_one_caller_of_a_key_takes_effect_and_all_get_its_answer: repeatable_read;
    at_serializable_one_caller_of_a_key_takes_effect_and_all_get_its_answer: serializable;
    without_retries_callers_still_wait_for_the_one_that_has_the_key: without_retry;
}

#[tokio::test]
async fn each_key_takes_effect_and_is_answered_for_ever() {
    let (db, runs) = (open().await, Runs::default());
    for round in 0..3 {
        for id in [1, 2] {
            let receipt = pay(&*db, id, 0.1 + 0.2, &runs).await.unwrap();
            let first = Receipt {
                run: u32::try_from(id).unwrap(),
                cents: 0.1 + 0.2,
            };
            assert_eq!(receipt, first, "round {round}");
        }
    }
    assert_eq!((runs.count(), rows(&db, "payments").await), (2, 2));
}

#[tokio::test]
async fn a_call_dropped_at_any_poll_is_settled_by_the_next() {
    let (fresh, runs) = (open().await, Runs::default());
    execute(&fresh, Db::<Database>::ONCE_SCHEMA).await;
    // A call whose answer is there at once cannot be dropped while it waits.
    let (url, _between) = between(&fresh.url).await;
    let db = Db::builder()
        .url(&url)
        .max_connections(1)
        .connect()
        .await
        .unwrap();
    let (mut dropped, mut ended) = (0, 0);
    for key in 0..90 {
        // On a loaded machine an answer is ready at most polls, so the first few polls come more
        // often.
        let polls = key % if key < 30 { 6 } else { 30 } + 1;
        let polls = u32::try_from(polls).expect("a few");
        let first = poll_at_most(polls, pay(&db, key, 1.0, &runs)).await;
        let second = pay(&db, key, 1.0, &runs).await.unwrap();
        let third = pay(&db, key, 1.0, &runs).await.unwrap();
        assert_eq!(second, third, "after {polls} polls");
        let stored = sqlx::query_scalar("SELECT COUNT(*) FROM payments WHERE id = $1");
        let stored: i64 = stored.bind(key).fetch_one(fresh.pool()).await.unwrap();
        assert_eq!(stored, 1, "after {polls} polls");
        match first {
            None => dropped += 1,
            Some(first) => {
                ended += 1;
                assert_eq!(first.unwrap(), second, "after {polls} polls");
            }
        }
    }
    assert!(dropped > 5 && ended > 5, "{dropped} dropped, {ended} ended");
}

#[tokio::test]
async fn a_callers_own_pool_and_the_handle_know_the_same_keys() {
    let (db, runs) = (open().await, Runs::default());
    let first = pay(db.pool(), 1, 5.0, &runs).await.unwrap();
    assert_eq!(pay(&*db, 1, 5.0, &runs).await.unwrap(), first);
    assert_eq!(rows(&db, "payments").await, 1);
}

#[tokio::test]
async fn a_key_used_with_other_arguments_is_an_error_and_has_no_effect() {
    let (db, runs) = (open().await, Runs::default());
    pay(&*db, 1, 5.0, &runs).await.unwrap();
    let error = pay(&*db, 1, 6.0, &runs).await.unwrap_err();
    let error = error.database();
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Integrity, ErrorKind::KeyReused)
    );
    assert_eq!(
        (error.outcome().unwrap(), error.operation()),
        (Outcome::RolledBack, Some("pay"))
    );
    assert!(
        error
            .to_string()
            .contains("used before, with other arguments"),
        "{error}"
    );
    assert_eq!((runs.count(), rows(&db, "payments").await), (1, 1));
}

mod elsewhere {
    use super::*;

    /// Like `super::pay`, with another effect.
    #[transactional(once = id)]
    pub(super) async fn pay(
        tx: &mut Tx<'_, Database>,
        id: i64,
        cents: f64,
        #[once(skip)] runs: &Runs,
    ) -> Result<Receipt, Trouble> {
        let run = runs.next();
        store(&mut *tx, -id, cents).await?;
        Ok(Receipt { run, cents })
    }
}

#[tokio::test]
async fn two_functions_of_one_name_are_never_taken_for_each_other() {
    let (db, runs) = (open().await, Runs::default());
    pay(&*db, 1, 5.0, &runs).await.unwrap();
    let error = elsewhere::pay(&*db, 1, 5.0, &runs).await.unwrap_err();
    assert_eq!(error.database().kind(), ErrorKind::KeyReused);
}

struct Shop;
struct Bank;

macro_rules! named_alike {
    ($($type:ident)*) => {$(
        impl $type {
            #[transactional(once = id)]
            async fn book(&self, tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
                Ok(store(&mut *tx, id, 1.0).await?)
            }
        }
    )*};
}
named_alike!(Shop Bank);

#[tokio::test]
async fn two_methods_of_one_name_are_never_taken_for_each_other() {
    let db = open().await;
    Shop.book(&*db, 1).await.unwrap();
    Shop.book(&*db, 1).await.unwrap();
    let error = Bank.book(&*db, 1).await.unwrap_err();
    assert_eq!(error.database().kind(), ErrorKind::KeyReused);
}

#[transactional(once = id)]
async fn pay_unless_refused(
    tx: &mut Tx<'_, Database>,
    id: i64,
    #[once(skip)] refuse: bool,
) -> Result<i64, Trouble> {
    store(&mut *tx, id, 1.0).await?;
    if refuse {
        Err(Trouble::Refused)
    } else {
        Ok(id)
    }
}

#[tokio::test]
async fn an_err_is_not_kept() {
    let db = open().await;
    for _ in 0..2 {
        pay_unless_refused(&*db, 1, true).await.unwrap_err();
        assert_eq!(rows(&db, "dbop_once").await, 0);
    }
    assert_eq!(pay_unless_refused(&*db, 1, false).await.unwrap(), 1);
    assert_eq!(
        pay_unless_refused(&*db, 1, true).await.unwrap(),
        1,
        "the payment is done"
    );
    assert_eq!(rows(&db, "payments").await, 1);
}

#[transactional(once = id)]
async fn pay_and_take_back(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    store(&mut *tx, id, 1.0).await?;
    tx.set_rollback_only();
    Ok(())
}

#[tokio::test]
async fn what_is_rolled_back_on_request_leaves_no_marker() {
    let db = open().await;
    pay_and_take_back(&*db, 1).await.unwrap();
    assert_eq!(rows(&db, "dbop_once").await, 0);
    assert_eq!(rows(&db, "payments").await, 0);
}

#[tokio::test]
async fn a_stored_result_that_cannot_be_read_is_an_error_of_a_committed_call() {
    let (db, runs) = (open().await, Runs::default());
    pay(&*db, 1, 5.0, &runs).await.unwrap();
    for spoiled in [
        "UPDATE dbop_once SET result = 'not json'",
        "UPDATE dbop_once SET result = '\"secret\"'",
    ] {
        execute(&db, spoiled).await;
        let error = pay(&*db, 1, 5.0, &runs).await.unwrap_err();
        let error = error.database();
        assert_eq!(
            (error.kind(), error.outcome().unwrap()),
            (ErrorKind::Decode, Outcome::Committed)
        );
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert_eq!((runs.count(), rows(&db, "payments").await), (1, 1));
}

#[transactional(once = id)]
async fn pay_without_a_number(tx: &mut Tx<'_, Database>, id: i64) -> Result<f64, Trouble> {
    store(&mut *tx, id, 1.0).await?;
    Ok(f64::NAN) // JSON has no such number
}

#[tokio::test]
async fn a_result_that_could_not_be_read_back_is_refused_before_it_commits() {
    let db = open().await;
    let error = pay_without_a_number(&*db, 1).await.unwrap_err();
    let error = error.database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::Encode, Outcome::RolledBack)
    );
    assert_eq!(rows(&db, "payments").await, 0);
    assert_eq!(rows(&db, "dbop_once").await, 0);
}

/// Ends its transaction where dbop does not see it, and leaves a marker without an answer.
#[transactional(once = id, retry = never)]
#[dbop::allow(manual_transaction, reason = "it is there to commit past dbop")]
async fn pay_and_commit(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    store(&mut *tx, id, 1.0).await?;
    tx.conn()
        .execute("COMMIT")
        .await
        .map_err(dbop::Error::from)?;
    Ok(())
}

#[tokio::test]
async fn a_marker_without_an_answer_is_unknown_and_never_run_again() {
    let db = open().await;
    for _ in 0..2 {
        let error = pay_and_commit(&*db, 1).await.unwrap_err();
        assert_eq!(
            error.database().outcome().unwrap(),
            Outcome::Unknown,
            "{error}"
        );
        assert_eq!(rows(&db, "payments").await, 1);
    }
}

#[tokio::test]
async fn many_first_calls_make_the_table_together() {
    let (db, runs) = (open().await, Runs::default());
    let calls = join_all((0..16).map(|id| pay(&*db, id, 1.0, &runs))).await;
    for call in calls {
        call.unwrap();
    }
    assert_eq!(rows(&db, "dbop_once").await, 16);
    execute(&db, "DROP TABLE dbop_once").await;
    execute(&db, Db::<Database>::ONCE_SCHEMA).await;
    execute(&db, Db::<Database>::ONCE_SCHEMA).await;
    pay(&*db, 1, 1.0, &runs).await.unwrap();
}

#[tokio::test]
async fn markers_are_deleted_in_batches_after_a_week() {
    let (db, runs) = (open().await, Runs::default());
    execute(&db, Db::<Database>::ONCE_SCHEMA).await;
    execute(&db, super::OLD_MARKERS).await;
    let old = rows(&db, "dbop_once").await;
    assert_eq!(
        old, 1201,
        "1200 markers are eight days old, and one is six days old"
    );
    let mut left = Vec::new();
    for id in 0..4 {
        pay(&*db, id, 1.0, &runs).await.unwrap();
        left.push(rows(&db, "dbop_once").await - id - 1);
    }
    assert_eq!(
        left,
        [701, 201, 1, 1],
        "each call removes 500 markers, and the young marker stays"
    );
}
