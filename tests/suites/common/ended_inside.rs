//! A transaction that its own body has ended, or changed, past dbop never returns `Ok` for rows
//! that are not there.

use dbop::{Outcome, Tx, transactional};
use dbop_tests::Fresh;
use futures_util::FutureExt;
use sqlx::{Connection, Executor};

use super::Database;
use super::notes::{self, Trouble, insert, note, soon, stored};

#[derive(Clone, Copy, Debug)]
enum Way {
    /// A helper begins a transaction of its own, and is dropped while the transaction begins.
    DroppedBegin,
    /// A helper begins a transaction of its own that is never ended.
    Leaked,
    /// A helper begins a transaction of its own, which is a savepoint here, and ends it.
    Ended,
    /// The body runs a statement through dbop.
    Text(&'static str),
    /// The body runs a statement through the raw connection.
    Raw(&'static str),
}

const WAYS: [Way; 7] = [
    Way::DroppedBegin,
    Way::Leaked,
    Way::Ended,
    Way::Text("ROLLBACK"),
    Way::Text("COMMIT"),
    Way::Raw("ROLLBACK"),
    Way::Raw("COMMIT"),
];

async fn go(tx: &mut Tx<'_, Database>, way: Way) -> Result<(), Trouble> {
    match way {
        Way::DroppedBegin => drop(tx.conn().begin().now_or_never()),
        Way::Leaked => std::mem::forget(tx.conn().begin().await?),
        Way::Ended => {
            let inner = tx.conn().begin().await?;
            inner.commit().await?;
        }
        Way::Text(sql) => {
            tx.execute(sql).await?;
        }
        Way::Raw(sql) => {
            tx.conn().execute(sql).await?;
        }
    }
    Ok(())
}

#[transactional]
async fn writes_around(
    tx: &mut Tx<'_, Database>,
    way: Way,
    ids: [i64; 2],
    go_on: bool,
) -> Result<(), Trouble> {
    insert(&mut *tx, ids[0]).await?;
    go(&mut *tx, way).await?;
    if go_on {
        insert(&mut *tx, ids[1]).await?;
    }
    Ok(())
}

/// Makes a call that writes before and after `way`, and compares what it returns with what is
/// stored.
async fn says_the_truth(db: &Fresh<Database>, way: Way, ids: [i64; 2], go_on: bool) {
    let result = soon("the call", writes_around(&**db, way, ids, go_on)).await;
    let wanted = &ids[..if go_on { 2 } else { 1 }];
    let all = stored(db).await;
    let there: Vec<_> = wanted.iter().filter(|id| all.contains(id)).collect();
    let case = format!("{way:?}, go on {go_on}: said {result:?} with {there:?} stored");
    match result {
        Ok(()) => assert_eq!(there.len(), wanted.len(), "{case}"),
        Err(error) if error.database().outcome().unwrap() == Outcome::RolledBack => {
            assert!(there.is_empty(), "{case}");
        }
        // A statement that would commit by itself is refused before it is sent.
        Err(_) if matches!(way, Way::DroppedBegin) => assert!(there.is_empty(), "{case}"),
        Err(_) => {}
    }
}

#[tokio::test]
async fn a_transaction_ended_by_its_own_body_never_says_ok_for_missing_rows() {
    let db = notes::open_narrow().await;
    for (number, way) in (0..).zip(WAYS) {
        for go_on in [false, true] {
            let first = number * 10 + if go_on { 5 } else { 1 };
            says_the_truth(&db, way, [first, first + 1], go_on).await;

            let after = 1000 + first;
            let next = soon("the next call", note(&*db, after)).await;
            next.unwrap();
            assert!(stored(&db).await.contains(&after), "{way:?}, {go_on}");
        }
    }
}

/// How far the helper gets before it is dropped differs from round to round.
#[tokio::test]
async fn a_helper_given_up_while_it_begins_never_makes_rows_disappear_in_silence() {
    let db = notes::open_narrow().await;
    for round in 0..30 {
        let ids = [round * 2 + 1, round * 2 + 2];
        says_the_truth(&db, Way::DroppedBegin, ids, round % 3 > 0).await;
    }
    soon("the next call", note(&*db, 1000)).await.unwrap();
    assert!(stored(&db).await.contains(&1000));
}

#[tokio::test]
async fn a_helpers_own_transaction_that_ended_well_is_part_of_ours() {
    let db = notes::open_narrow().await;
    writes_around(&*db, Way::Ended, [1, 2], true).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2]);
}
