//! A rollback that cannot be sent is not an error, because the server has rolled back by itself.

use dbop::{Tx, transactional};
use dbop_tests::eventually;
use sqlx::{Executor, PgConnection};
use tokio::sync::Mutex;

use super::common::notes::{self, Trouble, insert, note, soon, stored};
use super::{Database, outside};

#[transactional]
async fn loses_its_session_and_refuses(
    tx: &mut Tx<'_, Database>,
    killer: &Mutex<PgConnection>,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    end_session(&mut *tx, killer).await?;
    Err(Trouble::Refused)
}

/// Lets another session terminate this one, and waits until the server no longer lists it.
async fn end_session(tx: &mut Tx<'_, Database>, killer: &Mutex<PgConnection>) -> sqlx::Result<()> {
    let pid = sqlx::query_scalar("SELECT pg_backend_pid()");
    let pid: i32 = pid.fetch_one(&mut *tx).await?;
    let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
    killer.lock().await.execute(end).await?;
    eventually("the end of the session", async || {
        let left = sqlx::query("SELECT 1 FROM pg_stat_activity WHERE pid = $1").bind(pid);
        let left = killer.lock().await.fetch_optional(left).await;
        left.expect("the list of sessions").is_none()
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_rollback_that_fails_does_not_hide_the_bodys_error() {
    let db = notes::open_narrow().await;
    let killer = Mutex::new(outside(&db).await);
    let error = loses_its_session_and_refuses(&*db, &killer)
        .await
        .unwrap_err();
    assert!(matches!(error, Trouble::Refused), "{error:?}");
    soon("the next call", note(&*db, 2)).await.unwrap();
    assert_eq!(stored(&db).await, [2]);
}
