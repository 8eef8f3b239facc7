//! Savepoints: `nested` operations and `Tx::savepoint`.

use dbop::{ErrorKind, Outcome, Tx, transactional};
use tokio::sync::Notify;

use super::Database;
use super::notes::{self, Trouble, insert, note, soon, stored};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Well,
    /// The application refuses.
    Refused,
    /// The database refuses. On Postgres, this aborts whatever is not inside a savepoint.
    Duplicate,
    RollbackOnly,
}

/// How a nested call or a savepoint ends, whether it says `Ok`, and what is left of the notes 1, 2 and
/// 3. The second note is its own.
pub(super) const NESTED: [(End, bool, &[i64]); 4] = [
    (End::Well, true, &[1, 2, 3]),
    (End::Refused, false, &[1, 3]),
    (End::Duplicate, false, &[1, 3]),
    (End::RollbackOnly, true, &[1, 3]),
];

#[transactional(nested)]
async fn nested_note(tx: &mut Tx<'_, Database>, id: i64, end: End) -> Result<i64, Trouble> {
    insert(&mut *tx, id).await?;
    finish(&mut *tx, id, end).await?;
    Ok(id)
}

async fn finish(tx: &mut Tx<'_, Database>, id: i64, end: End) -> Result<(), Trouble> {
    match end {
        End::Well => {}
        End::Refused => return Err(Trouble::Refused),
        End::Duplicate => insert(&mut *tx, id).await?,
        End::RollbackOnly => tx.set_rollback_only(),
    }
    Ok(())
}

#[transactional]
async fn around_a_nested_note(tx: &mut Tx<'_, Database>, end: End) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    let nested = nested_note(&mut *tx, 2, end).await;
    insert(&mut *tx, 3).await?;
    Ok(nested.is_ok())
}

#[tokio::test]
async fn a_nested_call_that_fails_is_undone_alone() {
    for (end, says_ok, left) in NESTED {
        let db = notes::open_narrow().await;
        assert_eq!(
            around_a_nested_note(&*db, end).await.unwrap(),
            says_ok,
            "{end:?}"
        );
        assert_eq!(stored(&db).await, left, "{end:?}");
    }
}

#[tokio::test]
async fn a_nested_operation_called_outermost_is_a_plain_transaction() {
    let db = notes::open_narrow().await;
    assert_eq!(nested_note(&*db, 1, End::Well).await.unwrap(), 1);
    nested_note(&*db, 2, End::Refused).await.unwrap_err();
    let error = nested_note(&*db, 3, End::Duplicate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(stored(&db).await, [1]);
}

#[transactional(nested)]
async fn middle(tx: &mut Tx<'_, Database>, own: End, inner: End) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    let _ended = nested_note(&mut *tx, 3, inner).await;
    insert(&mut *tx, 4).await?;
    finish(&mut *tx, 4, own).await
}

#[transactional]
async fn three_levels(tx: &mut Tx<'_, Database>, own: End, inner: End) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    let middle = middle(&mut *tx, own, inner).await;
    insert(&mut *tx, 5).await?;
    Ok(middle.is_ok())
}

#[tokio::test]
async fn nested_calls_are_undone_level_by_level() {
    for (own, inner, left) in [
        (End::Well, End::Well, vec![1, 2, 3, 4, 5]),
        (End::Well, End::Duplicate, vec![1, 2, 4, 5]),
        (End::Well, End::RollbackOnly, vec![1, 2, 4, 5]),
        (End::Refused, End::Well, vec![1, 5]),
        (End::Duplicate, End::Duplicate, vec![1, 5]),
    ] {
        let db = notes::open_narrow().await;
        let says_ok = three_levels(&*db, own, inner).await.unwrap();
        assert_eq!(says_ok, own == End::Well, "{own:?} around {inner:?}");
        assert_eq!(stored(&db).await, left, "{own:?} around {inner:?}");
    }
}

#[transactional(nested)]
async fn drops_a_joined_error(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    notes::note_and_refuse(&mut *tx, 3).await.unwrap_err();
    Ok(())
}

#[transactional]
async fn around_a_dropped_error(tx: &mut Tx<'_, Database>) -> Result<String, Trouble> {
    insert(&mut *tx, 1).await?;
    Ok(drops_a_joined_error(&mut *tx)
        .await
        .unwrap_err()
        .to_string())
}

#[tokio::test]
async fn an_error_swallowed_in_a_nested_call_undoes_that_call_alone() {
    let db = notes::open_narrow().await;
    let message = around_a_dropped_error(&*db).await.unwrap();
    assert!(message.contains("`note_and_refuse`"), "{message}");
    assert_eq!(stored(&db).await, [1]);
}

#[transactional(nested, timeout = "200ms")]
#[dbop::allow(foreign_await, reason = "nothing but its deadline ends it")]
async fn endless(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    std::future::pending().await
}

#[transactional]
async fn around_an_endless_call(tx: &mut Tx<'_, Database>) -> Result<ErrorKind, Trouble> {
    insert(&mut *tx, 1).await?;
    let error = endless(&mut *tx).await.unwrap_err();
    insert(&mut *tx, 3).await?;
    Ok(error.kind())
}

#[tokio::test]
async fn a_nested_call_past_its_own_deadline_is_undone_alone() {
    let db = notes::open_narrow().await;
    let kind = soon("the outer call", around_an_endless_call(&*db)).await;
    assert_eq!(kind.unwrap(), ErrorKind::Timeout);
    assert_eq!(stored(&db).await, [1, 3]);
}

// --- Tx::savepoint --------------------------------------------------------------------------------

#[transactional]
async fn around_a_savepoint(tx: &mut Tx<'_, Database>, end: End) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    let inside = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<i64, Trouble> {
            note(&mut *sp, 2).await?;
            finish(&mut *sp, 2, end).await?;
            Ok(2)
        })
        .await;
    insert(&mut *tx, 3).await?;
    Ok(inside.is_ok())
}

#[tokio::test]
async fn a_savepoint_keeps_its_work_only_if_it_ends_well() {
    for (end, says_ok, left) in NESTED {
        let db = notes::open_narrow().await;
        assert_eq!(
            around_a_savepoint(&*db, end).await.unwrap(),
            says_ok,
            "{end:?}"
        );
        assert_eq!(stored(&db).await, left, "{end:?}");
    }
}

#[tokio::test]
async fn a_transaction_with_a_savepoint_can_be_spawned() {
    let db = notes::open_narrow().await;
    let handle = db.db.clone();
    let task = tokio::spawn(async move { around_a_savepoint(&handle, End::Refused).await });
    assert!(!soon("the task", task).await.unwrap().unwrap());
    assert_eq!(stored(&db).await, [1, 3]);
}

/// Uses a closure with every error type it may have: dbop's, sqlx's, and the application's.
#[transactional]
async fn savepoints_with_many_errors(
    tx: &mut Tx<'_, Database>,
) -> Result<(ErrorKind, bool), Trouble> {
    insert(&mut *tx, 1).await?;
    let of_dbop = tx
        .savepoint(
            async |sp: &mut Tx<'_, Database>| -> Result<(), dbop::Error> {
                Ok(insert(&mut *sp, 1).await?)
            },
        )
        .await;
    let of_sqlx = tx
        .savepoint(
            async |sp: &mut Tx<'_, Database>| -> Result<(), sqlx::Error> {
                insert(&mut *sp, 1).await
            },
        )
        .await;
    let unique = of_sqlx.unwrap_err();
    let unique = unique
        .as_database_error()
        .expect("an error of the database");
    Ok((of_dbop.unwrap_err().kind(), unique.is_unique_violation()))
}

#[tokio::test]
async fn a_savepoint_returns_its_closures_own_error() {
    let db = notes::open_narrow().await;
    let kinds = savepoints_with_many_errors(&*db).await.unwrap();
    assert_eq!(kinds, (ErrorKind::Unique, true));
    assert_eq!(stored(&db).await, [1]);
}

#[transactional]
async fn savepoints_within(
    tx: &mut Tx<'_, Database>,
    outer: End,
    inner: End,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    let _ended = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            insert(&mut *sp, 2).await?;
            let _ended = sp
                .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
                    insert(&mut *sp, 3).await?;
                    finish(&mut *sp, 3, inner).await
                })
                .await;
            insert(&mut *sp, 4).await?;
            finish(&mut *sp, 4, outer).await
        })
        .await;
    Ok(insert(&mut *tx, 5).await?)
}

#[tokio::test]
async fn savepoints_are_undone_level_by_level() {
    for (outer, inner, left) in [
        (End::Well, End::Well, vec![1, 2, 3, 4, 5]),
        (End::Well, End::Refused, vec![1, 2, 4, 5]),
        (End::Well, End::Duplicate, vec![1, 2, 4, 5]),
        (End::RollbackOnly, End::Well, vec![1, 5]),
        (End::Duplicate, End::Well, vec![1, 5]),
    ] {
        let db = notes::open_narrow().await;
        savepoints_within(&*db, outer, inner).await.unwrap();
        assert_eq!(stored(&db).await, left, "{outer:?} around {inner:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Left {
    Savepoint,
    NestedCall,
}

/// Leaves a savepoint half-way, with its work done and no statement running.
async fn leave(tx: &mut Tx<'_, Database>, left: Left) {
    let reached = Notify::new();
    let inside = async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
        insert(&mut *sp, 2).await?;
        reached.notify_one();
        std::future::pending().await
    };
    let ended = async {
        match left {
            Left::Savepoint => tx.savepoint(inside).await,
            Left::NestedCall => nested_stop(&mut *tx, &reached).await,
        }
    };
    tokio::select! {
        _ = ended => unreachable!("it waits forever"),
        () = reached.notified() => {}
    }
}

#[transactional(nested)]
#[dbop::allow(foreign_await, reason = "its caller leaves it while it waits here")]
async fn nested_stop(tx: &mut Tx<'_, Database>, reached: &Notify) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    reached.notify_one();
    std::future::pending().await
}

#[transactional]
async fn leaves_a_savepoint(tx: &mut Tx<'_, Database>, left: Left) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    let () = leave(&mut *tx, left).await;
    let refused = insert(&mut *tx, 3).await;
    assert!(
        refused.is_err(),
        "a statement after a lost savepoint was accepted"
    );
    Ok(())
}

#[tokio::test]
async fn a_savepoint_dropped_half_way_aborts_the_transaction() {
    let db = notes::open_narrow().await;
    for left in [Left::Savepoint, Left::NestedCall] {
        let call = soon("the outer call", leaves_a_savepoint(&*db, left));
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{left:?}");
        assert_eq!(
            error.database().outcome().unwrap(),
            Outcome::RolledBack,
            "{left:?}"
        );
        assert!(stored(&db).await.is_empty(), "{left:?}");
    }
    note(&*db, 1).await.unwrap();
    assert_eq!(stored(&db).await, [1]);
}
