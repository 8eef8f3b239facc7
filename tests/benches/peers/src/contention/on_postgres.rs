//! The hot accounts on Postgres, at SERIALIZABLE.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dbop::{Db, RetryPolicy, Tx, transactional};
use harness::bank::{Fallible, Place};
use harness::{Contestant, Options, Promises, interleave};
use sqlx::{PgPool, Postgres};

use super::loops::{Delay, retried};
use super::pgbench::Pgbench;
use super::report::Report;
use super::{Ground, Order, TASKS, Transfers};
use crate::peers::pools;
use crate::place::Server;

/// The policy of `retry(attempts = 1000, base = "10ms", cap = "1s")`, with which the deadline is
/// the limit.
const UNTIL_THE_DEADLINE: RetryPolicy = RetryPolicy::DEFAULT
.attempts(1000);

/// Defines the same body under two sets of options.
macro_rules! transfer {
    ($name:ident, $($option:tt)*) => {
        #[transactional($($option)*)]
        async fn $name(
            tx: &mut Tx<'_, Postgres>,
            first: (i64, i64),
            second: (i64, i64),
            begun: &AtomicU64,
        ) -> dbop::Result<()> {
            begun.fetch_add(1, Ordering::Relaxed);
            give!(&mut *tx, first);
            give!(&mut *tx, second);
            Ok(())
        }
    };
}

transfer!(at_once, isolation = serializable, timeout = "10s");
// At most two transfers between four accounts have no account in common.
transfer!(
    in_turn,
    isolation = serializable,
    timeout = "10s",
    max_concurrency = 2
);

struct Dbop {
    db: Db<Postgres>,
    in_turn: bool,
}

impl Dbop {
    async fn open(url: &str, connections: u32, policy: RetryPolicy) -> Fallible<Self> {
        let db = Db::builder().url(url).max_connections(connections);
        let db = db.acquire_timeout(Duration::from_secs(30)).retry(policy);
        Ok(Self {
            db: db.connect().await?,
            in_turn: false,
        })
    }

    /// Limits the operation with `max_concurrency = 2`.
    fn in_turn(self) -> Self {
        Self {
            in_turn: true,
            ..self
        }
    }
}

impl Transfers for Dbop {
    async fn transfer(
        &self,
        first: (i64, i64),
        second: (i64, i64),
        begun: &AtomicU64,
    ) -> Fallible<()> {
        match self.in_turn {
            true => in_turn(&self.db, first, second, begun).await?,
            false => at_once(&self.db, first, second, begun).await?,
        }
        Ok(())
    }
}

struct Loop {
    pool: PgPool,
    delay: Delay,
}

impl Transfers for Loop {
    async fn transfer(
        &self,
        first: (i64, i64),
        second: (i64, i64),
        begun: &AtomicU64,
    ) -> Fallible<()> {
        let attempt = async || {
            let begin = "BEGIN ISOLATION LEVEL SERIALIZABLE";
            let mut tx = self.pool.begin_with(begin).await?;
            give!(&mut *tx, first);
            give!(&mut *tx, second);
            tx.commit().await
        };
        retried(self.delay, begun, || Box::pin(attempt())).await
    }
}

pub(super) async fn run(options: &Options, report: &mut Report) -> Fallible<()> {
    for (connections, order, title) in [
        (
            64,
            Order::Fixed,
            "64 connections, the lower account first (no deadlocks)",
        ),
        (10, Order::Fixed, "10 connections, the lower account first"),
        (
            10,
            Order::Any,
            "10 connections, the paying account first (deadlocks, found after 50 ms)",
        ),
    ] {
        let server = Server::start().await?;
        report.version(&server.version().await?);
        let before = server.total().await?;
        let contestants = contestants(&server, connections, order).await?;
        eprintln!("Postgres: {title}");
        let length = options.window(1000, 1000);
        let results = interleave(options, &contestants, TASKS, length).await;
        report.add(&format!("Postgres, SERIALIZABLE, {title}"), &results);
        assert_eq!(server.total().await?, before, "money was made or lost");
    }
    Ok(())
}

async fn contestants(server: &Server, connections: u32, order: Order) -> Fallible<Vec<Contestant>> {
    let url = &*server.url;
    let retries = Promises {
        deadline: true,
        retry: true,
        outcome: false,
    };
    let pool = pools::postgres(url, connections).await?;
    let by_hand = |delay| Loop {
        pool: pool.clone(),
        delay,
    };
    let dbop = async |policy| Dbop::open(url, connections, policy).await;
    let all = Promises::ALL;
    let in_turn = dbop(UNTIL_THE_DEADLINE).await?.in_turn();
    let pgbench = Arc::new(Pgbench::new(url, connections, order)?);
    let ground = Ground::new(order);
    Ok(vec![
        ground.contestant("dbop", all, dbop(RetryPolicy::DEFAULT).await?),
        ground.contestant(
            "dbop, attempts = 1000",
            all,
            dbop(UNTIL_THE_DEADLINE).await?,
        ),
        ground.contestant("dbop, attempts = 1000, max_concurrency = 2", all, in_turn),
        ground.contestant("loop, fixed delay", retries, by_hand(Delay::Fixed)),
        ground.contestant(
            "loop, exponential delay",
            retries,
            by_hand(Delay::Exponential),
        ),
        pgbench.contestant(retries),
    ])
}
