//! More calls than the pool has connections.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Category, Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

use super::Database;
use super::bank::{self, transfer};
use super::replay::Failure;

const NEVER: Duration = Duration::from_secs(30);

/// Lets a body hold its connection until it is told to go on.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) inside: Notify,
    pub(crate) open: Notify,
}

/// The line of the name `hold` below.
pub(crate) const HOLD_LINE: u32 = line!() + 7;

#[transactional]
#[dbop::allow(
    foreign_await,
    reason = "holds the connection until the test opens the gate"
)]
pub(crate) async fn hold(_tx: &mut Tx<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    gate.inside.notify_one();
    gate.open.notified().await;
    Ok(())
}

#[db_op(timeout = "600ms")]
async fn pass_soon(_conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    Ok(())
}

#[tokio::test]
async fn an_exhausted_pool_says_so_and_how_large_it_is() {
    let configure = |builder: dbop::DbBuilder<Database>| {
        builder
            .max_connections(1)
            .acquire_timeout(Duration::from_millis(400))
    };
    let db = bank::open_with(configure).await;
    let gate = Gate::default();
    let (held, ()) = tokio::join!(hold(&*db, &gate), async {
        gate.inside.notified().await;
        let waiting = transfer(&*db, 1, 2, 1);
        let refused = timeout(NEVER, waiting).await.expect("the acquire timeout");
        let bank::BankError::Database(error) = refused.unwrap_err() else {
            panic!()
        };
        assert_eq!(
            (error.category(), error.kind()),
            (Category::Resource, ErrorKind::PoolExhausted)
        );
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
        let text = error.to_string();
        assert!(text.starts_with("`transfer`"), "{text}");
        for part in super::super::EXHAUSTED {
            assert!(text.contains(part), "{text}");
        }
        let holder = format!("held by `hold` ({}:{HOLD_LINE}) for ", file!());
        assert!(text.contains(&holder), "{text}");
        assert!(text.contains(" s, idle in its transaction for "), "{text}");
        // The deadline of a call ends its wait for a connection as well.
        let refused = timeout(NEVER, pass_soon(&*db))
            .await
            .expect("the call ends at its deadline");
        assert_eq!(
            refused.unwrap_err().database().kind(),
            ErrorKind::PoolExhausted
        );
        gate.open.notify_one();
    });
    held.unwrap();
    transfer(&*db, 1, 2, 1).await.unwrap();
}

#[tokio::test]
async fn a_callers_own_exhausted_pool_says_so_too() {
    let db = bank::open_with(|builder| builder.max_connections(1)).await;
    let gate = Gate::default();
    let pool = db.pool();
    let (held, ()) = tokio::join!(hold(pool, &gate), async {
        gate.inside.notified().await;
        let refused = timeout(NEVER, pass_soon(pool))
            .await
            .expect("the call ends at its deadline");
        let error = refused.unwrap_err().database();
        assert_eq!(error.kind(), ErrorKind::PoolExhausted);
        assert!(error.to_string().contains("1 of 1"), "{error}");
        gate.open.notify_one();
    });
    held.unwrap();
}

#[derive(Debug, Default)]
struct Crowd {
    now: AtomicU32,
    most: AtomicU32,
}

macro_rules! crowd {
    ($name:ident, $limit:literal) => {
        #[db_op(read_only, max_concurrency = $limit)]
        async fn $name(
            _conn: &mut Conn<'_, Database>,
            crowd: &Crowd,
            together: &Barrier,
        ) -> Result<(), Failure> {
            let now = crowd.now.fetch_add(1, SeqCst) + 1;
            crowd.most.fetch_max(now, SeqCst);
            together.wait().await;
            crowd.now.fetch_sub(1, SeqCst);
            Ok(())
        }
    };
}

crowd!(gather_three, 3);

#[tokio::test]
async fn max_concurrency_lets_so_many_bodies_run_and_no_more() {
    let db = bank::open().await;
    let (crowd, together) = (Crowd::default(), Barrier::new(3));
    let calls = (0..12).map(|_| gather_three(&*db, &crowd, &together));
    let ended = timeout(NEVER, futures_util::future::join_all(calls)).await;
    for result in ended.expect("three are let in at once") {
        result.unwrap();
    }
    assert_eq!(crowd.most.into_inner(), 3);
}

#[db_op(read_only, max_concurrency = 1)]
async fn alone(_conn: &mut Conn<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    gate.inside.notify_one();
    gate.open.notified().await;
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_not_let_in_by_its_deadline_says_that_it_was_the_limit() {
    let db = bank::open().await;
    let hasty = Db::builder()
        .url(&db.url)
        .timeout(Duration::from_millis(300));
    let hasty = hasty.connect().await.unwrap();
    let gate = Gate::default();
    let (held, ()) = tokio::join!(alone(&*db, &gate), async {
        gate.inside.notified().await;
        let refused = timeout(NEVER, alone(&hasty, &gate))
            .await
            .expect("the call ends at its deadline");
        let error = refused.unwrap_err().database();
        assert_eq!(
            (error.category(), error.kind()),
            (Category::Resource, ErrorKind::Overloaded)
        );
        assert_eq!(
            (error.outcome().unwrap(), error.attempts()),
            (Outcome::RolledBack, 0)
        );
        let text = error.to_string();
        assert!(
            text.contains("`alone`") && text.contains("max_concurrency"),
            "{text}"
        );
        gate.open.notify_one();
    });
    held.unwrap();
    // The connection is free again.
    gate.open.notify_one();
    alone(&*db, &gate).await.unwrap();
}
