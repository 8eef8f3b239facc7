//! What went wrong inside a savepoint is undone with it, even if another savepoint was refused
//! inside.

use std::time::{Duration, Instant};

use dbop::{Tx, transactional};

use super::Database;
use super::notes::{self, Trouble, insert, note_and_refuse, soon, stored};

/// Runs past its deadline without giving dbop a chance to stop it.
#[transactional(nested, timeout = "20ms")]
async fn refused_a_savepoint(tx: &mut Tx<'_, Database>, give_up: bool) -> Result<(), Trouble> {
    insert(&mut *tx, 2).await?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(40) {
        std::hint::spin_loop();
    }
    let refused = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            Ok(insert(&mut *sp, 3).await?)
        })
        .await;
    refused.unwrap_err();
    if give_up {
        return Err(Trouble::Refused);
    }
    Ok(())
}

#[transactional]
async fn around_the_refusal(tx: &mut Tx<'_, Database>, give_up: bool) -> Result<bool, Trouble> {
    insert(&mut *tx, 1).await?;
    let nested = refused_a_savepoint(&mut *tx, give_up).await;
    insert(&mut *tx, 4).await?;
    Ok(nested.is_ok())
}

#[tokio::test]
async fn a_savepoint_refused_for_lack_of_time_leaves_the_outer_one_whole() {
    for (give_up, left) in [(true, vec![1, 4]), (false, vec![1, 2, 4])] {
        let db = notes::open_narrow().await;
        let call = soon("the call", around_the_refusal(&*db, give_up)).await;
        assert_eq!(call.unwrap(), !give_up);
        assert_eq!(stored(&db).await, left);
    }
}

/// Asks for a rollback itself, and then ignores the error of a joined call.
#[transactional]
async fn wishes_and_swallows(tx: &mut Tx<'_, Database>) -> Result<bool, Trouble> {
    tx.set_rollback_only();
    let savepoint = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            note_and_refuse(&mut *sp, 1).await.unwrap_err();
            Ok(())
        })
        .await;
    Ok(savepoint.is_err())
}

#[tokio::test]
async fn a_wish_to_roll_back_does_not_hide_a_failed_call_in_a_savepoint() {
    let db = notes::open_narrow().await;
    let told = wishes_and_swallows(&*db).await.unwrap();
    assert!(told, "the savepoint said `Ok` for work that was undone");
    assert!(stored(&db).await.is_empty());
}

#[transactional]
async fn wishes_and_swallows_at_once(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    tx.set_rollback_only();
    note_and_refuse(&mut *tx, 1).await.unwrap_err();
    Ok(())
}

#[tokio::test]
async fn a_wish_to_roll_back_does_not_hide_a_failed_call_beside_it() {
    let db = notes::open_narrow().await;
    let error = wishes_and_swallows_at_once(&*db).await.unwrap_err();
    let message = error.database().to_string();
    assert!(message.contains("`note_and_refuse`"), "{message}");
    assert!(stored(&db).await.is_empty());
}
