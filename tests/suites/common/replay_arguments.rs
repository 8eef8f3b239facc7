//! The arguments that a body gets in its second run.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::{Conn, Tx, db_op, transactional};

use super::Database;
use super::bank;
use super::replay::Failure;

/// A value that counts how often it was cloned.
#[derive(Debug)]
struct Counted<'a>(&'a AtomicU32);

impl Clone for Counted<'_> {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, SeqCst);
        Self(self.0)
    }
}

macro_rules! take {
    ($name:ident, $attribute:meta, $session:ident) => {
        /// Fails in its first `fails` runs.
        #[$attribute]
        async fn $name(
            _s: &mut $session<'_, Database>,
            value: Counted<'_>,
            runs: &AtomicU32,
            fails: u32,
        ) -> Result<(), Failure> {
            let Counted(_clones) = value;
            match runs.fetch_add(1, SeqCst) + 1 {
                run if run <= fails => Err(Failure::Stumbled(run)),
                _ => Ok(()),
            }
        }
    };
}

take!(take, db_op(idempotent), Conn);
take!(take_twice, db_op(idempotent, retry(attempts = 2)), Conn);
take!(take_once, db_op(idempotent, retry(attempts = 1)), Conn);
take!(take_never, db_op(idempotent, retry = never), Conn);
take!(take_in_tx, transactional, Tx);
take!(take_twice_in_tx, transactional(retry(attempts = 2)), Tx);

/// Returns how often the body ran and its argument was cloned in one call.
macro_rules! count {
    ($take:ident($scope:expr, $fails:literal)) => {{
        let (clones, runs) = (AtomicU32::new(0), AtomicU32::new(0));
        let result = $take($scope, Counted(&clones), &runs, $fails).await;
        (result.is_ok(), runs.into_inner(), clones.into_inner())
    }};
}

#[tokio::test]
async fn a_value_is_cloned_for_each_attempt_that_may_not_be_the_last() {
    let db = bank::open().await;
    assert_eq!(count!(take(&*db, 0)), (true, 1, 1));
    assert_eq!(count!(take(&*db, 2)), (true, 3, 3));
    assert_eq!(count!(take_in_tx(&*db, 1)), (true, 2, 2));
}

#[tokio::test]
async fn the_last_attempt_gets_the_value_itself() {
    let db = bank::open().await;
    assert_eq!(count!(take_twice(&*db, 1)), (true, 2, 1));
    assert_eq!(count!(take_twice(&*db, 9)), (false, 2, 1));
    assert_eq!(count!(take_twice_in_tx(&*db, 1)), (true, 2, 1));
    assert_eq!(count!(take_once(&*db, 9)), (false, 1, 0));
}

#[tokio::test]
async fn without_retry_nothing_is_cloned() {
    let db = bank::open().await;
    assert_eq!(count!(take_never(&*db, 0)), (true, 1, 0));
    assert_eq!(count!(take_never(&*db, 9)), (false, 1, 0));
}

#[transactional]
async fn take_joined(
    tx: &mut Tx<'_, Database>,
    clones: &AtomicU32,
    runs: &AtomicU32,
) -> Result<(), Failure> {
    take_in_tx(&mut *tx, Counted(clones), runs, 0).await?;
    take(&mut *tx, Counted(clones), runs, 0).await
}

#[tokio::test]
async fn a_joined_call_clones_nothing() {
    let db = bank::open().await;
    let (clones, runs) = (AtomicU32::new(0), AtomicU32::new(0));
    take_joined(&*db, &clones, &runs).await.unwrap();
    assert_eq!((runs.into_inner(), clones.into_inner()), (2, 0));
}

#[derive(Debug, Default)]
struct Teller {
    seen: Vec<u32>,
}

impl Teller {
    #[db_op(idempotent)]
    async fn serve(&mut self, _conn: &mut Conn<'_, Database>) -> Result<usize, Failure> {
        let run = self.seen.len() as u32 + 1;
        self.seen.push(run);
        if run < 3 {
            return Err(Failure::Stumbled(run));
        }
        Ok(self.seen.len())
    }
}

#[tokio::test]
async fn what_a_run_wrote_into_self_is_there_in_the_next() {
    let db = bank::open().await;
    let mut teller = Teller::default();
    assert_eq!(teller.serve(&*db).await.unwrap(), 3);
    assert_eq!(teller.seen, [1, 2, 3]);
}

#[db_op(idempotent)]
async fn shorten(
    _conn: &mut Conn<'_, Database>,
    mut names: Vec<String>,
    (a, b): (i64, i64),
    runs: &AtomicU32,
) -> Result<(Vec<String>, i64), Failure> {
    names.pop();
    match runs.fetch_add(1, SeqCst) + 1 {
        run if run < 3 => Err(Failure::Stumbled(run)),
        _ => Ok((names, a + b)),
    }
}

#[tokio::test]
async fn each_run_begins_with_the_callers_values() {
    let db = bank::open().await;
    let names = vec!["a".to_owned(), "b".to_owned()];
    let runs = AtomicU32::new(0);
    let (names, sum) = shorten(&*db, names, (1, 2), &runs).await.unwrap();
    assert_eq!(names, ["a"], "popped once, not once for each run");
    assert_eq!((sum, runs.into_inner()), (3, 3));
}
