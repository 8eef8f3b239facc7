//! How calls end: hooks, savepoints, and callers that go away.

use std::sync::{Arc, Mutex};

use dbop::{Tx, transactional};
use dbop_tests::poll_at_most;

use super::super::nesting::{End, NESTED};
use super::super::notes::{self as table, Trouble, soon, stored};
use super::{any, note};

#[transactional(nested, on = [Sqlite, Postgres])]
async fn nested(tx: &mut Tx<'_, DB>, id: i64, end: End) -> Result<(), Trouble> {
    note(&mut *tx, id).await?;
    match end {
        End::Well => Ok(()),
        End::Refused => Err(Trouble::Refused),
        End::Duplicate => note(&mut *tx, id).await,
        End::RollbackOnly => {
            tx.set_rollback_only();
            Ok(())
        }
    }
}

#[transactional(on = [Sqlite, Postgres])]
async fn around_nested(tx: &mut Tx<'_, DB>, end: End) -> Result<bool, Trouble> {
    note(&mut *tx, 1).await?;
    let nested = nested(&mut *tx, 2, end).await;
    note(&mut *tx, 3).await?;
    Ok(nested.is_ok())
}

#[tokio::test]
async fn a_nested_call_that_fails_is_undone_alone() {
    for (end, says_ok, left) in NESTED {
        let db = table::open_narrow().await;
        let said = around_nested(&any(&db), end).await.unwrap();
        assert_eq!(said, says_ok, "{end:?}");
        assert_eq!(stored(&db).await, left, "{end:?}");
    }
}

#[transactional(on = [Sqlite, Postgres])]
async fn around_savepoint(tx: &mut Tx<'_, DB>, end: End) -> Result<bool, Trouble> {
    note(&mut *tx, 1).await?;
    let inside = async |sp: &mut Tx<'_, DB>| -> Result<(), Trouble> {
        note(&mut *sp, 2).await?;
        match end {
            End::Well => Ok(()),
            End::Refused => Err(Trouble::Refused),
            End::Duplicate => note(&mut *sp, 2).await,
            End::RollbackOnly => {
                sp.set_rollback_only();
                Ok(())
            }
        }
    };
    let inside = tx.savepoint(inside).await;
    note(&mut *tx, 3).await?;
    Ok(inside.is_ok())
}

#[tokio::test]
async fn a_savepoint_that_fails_is_undone_alone() {
    for (end, says_ok, left) in NESTED {
        let db = table::open_narrow().await;
        let said = around_savepoint(&any(&db), end).await.unwrap();
        assert_eq!(said, says_ok, "{end:?}");
        assert_eq!(stored(&db).await, left, "{end:?}");
    }
}

#[derive(Clone, Debug, Default)]
struct Diary(Arc<Mutex<Vec<&'static str>>>);

impl Diary {
    /// Returns a hook that adds a line.
    fn entry(&self, line: &'static str) -> impl Future<Output = ()> + Send + 'static {
        let lines = Arc::clone(&self.0);
        async move { lines.lock().unwrap().push(line) }
    }

    fn lines(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

#[transactional(on = [Sqlite, Postgres])]
async fn ends(tx: &mut Tx<'_, DB>, diary: &Diary, end: End) -> Result<(), Trouble> {
    tx.after_commit(diary.entry("committed"));
    tx.after_rollback(diary.entry("rolled back"));
    tx.on_unknown(diary.entry("unknown"));
    note(&mut *tx, 1).await?;
    match end {
        End::Well => Ok(()),
        End::Refused => Err(Trouble::Refused),
        End::Duplicate => note(&mut *tx, 1).await,
        End::RollbackOnly => {
            tx.set_rollback_only();
            Ok(())
        }
    }
}

#[tokio::test]
async fn the_hooks_of_an_end_run_at_that_end_only() {
    for (end, line) in [
        (End::Well, "committed"),
        (End::Refused, "rolled back"),
        (End::Duplicate, "rolled back"),
        (End::RollbackOnly, "rolled back"),
    ] {
        let db = table::open_narrow().await;
        let diary = Diary::default();
        drop(ends(&any(&db), &diary, end).await);
        assert_eq!(diary.lines(), [line], "{end:?}");
    }
}

#[tokio::test]
async fn a_caught_error_of_the_database_is_the_end_of_the_call() {
    let db = table::open_narrow().await;
    let diary = Diary::default();
    ends(&any(&db), &diary, End::Duplicate).await.unwrap_err();
    assert!(stored(&db).await.is_empty());
    soon("the next call", note(&any(&db), 1)).await.unwrap();
}

#[transactional(on = [Sqlite, Postgres])]
async fn two(tx: &mut Tx<'_, DB>, first: i64) -> Result<(), Trouble> {
    note(&mut *tx, first).await?;
    nested(&mut *tx, first + 1, End::Well).await
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_poll_is_all_there_or_not_at_all() {
    let db = table::open_narrow().await;
    let any = any(&db);
    for polls in 1..=500 {
        let first = i64::from(polls) * 10;
        let ended = soon("a call", poll_at_most(polls, two(&any, first))).await;
        // The one connection is free, so what was left behind has ended.
        soon("the next call", note(&any, first + 5)).await.unwrap();
        let all = stored(&db).await;
        let of_round: Vec<_> = all.into_iter().filter(|id| *id >= first).collect();
        match ended {
            None => assert!(
                of_round == [first + 5] || of_round == [first, first + 1, first + 5],
                "{of_round:?} after {polls} polls"
            ),
            Some(result) => {
                result.unwrap();
                assert_eq!(of_round, [first, first + 1, first + 5]);
                return;
            }
        }
    }
    panic!("a call never ended");
}
