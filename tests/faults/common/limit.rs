//! `max_concurrency`: which calls have a permit, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dbop::{Category, Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::eventually;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::Notify;

use super::Database;
use super::once::{Trouble, open};

#[db_op(read_only, max_concurrency(limit = 1, when_full = reject))]
async fn alone(
    _conn: &mut Conn<'_, Database>,
    inside: &Notify,
    go_on: &Notify,
) -> Result<(), Trouble> {
    inside.notify_one();
    go_on.notified().await;
    Ok(())
}

#[tokio::test]
async fn a_call_beyond_the_limit_is_refused_at_once_where_that_is_asked_for() {
    let db = open().await;
    let (inside, go_on) = (Notify::new(), Notify::new());
    let (held, ()) = tokio::join!(alone(&*db, &inside, &go_on), async {
        inside.notified().await;
        let error = alone(&*db, &inside, &go_on).await.unwrap_err();
        let error = error.database();
        assert_eq!(
            (error.category(), error.kind()),
            (Category::Resource, ErrorKind::Overloaded)
        );
        assert_eq!(
            (error.outcome().unwrap(), error.attempts()),
            (Outcome::RolledBack, 0)
        );
        assert!(error.to_string().contains("max_concurrency"), "{error}");
        go_on.notify_one();
    });
    held.unwrap();
    go_on.notify_one();
    alone(&*db, &inside, &go_on)
        .await
        .expect("the place is free again");
}

/// Registers a hook that calls the operation again, as often as asked.
#[transactional(max_concurrency = 2, timeout = "15s")]
async fn calls_itself_from_a_hook(
    tx: &mut Tx<'_, Database>,
    db: &Db<Database>,
    again: u32,
    commits: bool,
    ended: &Arc<AtomicU32>,
) -> Result<(), Trouble> {
    let hook = call_again(db.clone(), again, commits, Arc::clone(ended));
    if commits {
        tx.after_commit(hook);
        Ok(())
    } else {
        tx.after_rollback(hook);
        Err(Trouble::Refused)
    }
}

/// Boxes the call, because a future that contains itself has no type.
fn call_again(
    db: Db<Database>,
    again: u32,
    commits: bool,
    ended: Arc<AtomicU32>,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        ended.fetch_add(1, Ordering::SeqCst);
        if again > 0 {
            let next = calls_itself_from_a_hook(&db, &db, again - 1, commits, &ended).await;
            assert_eq!(next.is_ok(), commits, "{next:?}");
        }
    })
}

#[tokio::test]
async fn hooks_that_call_their_own_operation_find_a_place() {
    let db = open().await;
    for commits in [true, false] {
        let ended = Arc::new(AtomicU32::new(0));
        let calls = (0..4).map(|_| calls_itself_from_a_hook(&*db, &db, 3, commits, &ended));
        for result in join_all(calls).await {
            assert_eq!(result.is_ok(), commits, "{result:?}");
        }
        eventually("all hooks have run", async || {
            ended.load(Ordering::SeqCst) == 16
        })
        .await;
    }
}
