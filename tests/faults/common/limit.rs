//! `max_concurrency` that refuses at once.

use dbop::{Category, Conn, Kind, Outcome, db_op};
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
            (Category::Resource, Kind::Overloaded)
        );
        assert_eq!(
            (error.outcome(), error.attempts()),
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
