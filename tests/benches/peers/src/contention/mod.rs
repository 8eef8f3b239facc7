//! Section 3: many tasks on few rows.

/// Runs one of the two statements of a transfer. This is a macro, because each database has types
/// of its own.
macro_rules! give {
    ($tx:expr, $each:expr) => {{
        let give = sqlx::query(harness::bank::GIVE).bind($each.1).bind($each.0);
        give.execute($tx).await?;
    }};
}

mod loops;
mod on_postgres;
mod on_sqlite;
mod pgbench;
mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use harness::bank::Fallible;
use harness::{Contestant, Failure, Options, Promises, Work, during};
use report::Report;

/// How many tasks there are, and clients of pgbench.
const TASKS: usize = 64;
/// The hot accounts have the numbers 1 to this.
const HOT: i64 = 4;
/// There are fewer rounds than in other sections, because the turns are longer.
const ROUNDS: usize = 5;
/// The deadline of every call, its retries included.
const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) async fn run(options: &Options) -> Fallible<String> {
    let options = &Options {
        rounds: options.rounds.min(ROUNDS),
        ..*options
    };
    let mut report = Report::new(options);
    on_postgres::run(options, &mut report).await?;
    on_sqlite::run(options, &mut report).await?;
    Ok(report.finish())
}

/// The account that is touched first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The account with the lower number, which leads to conflicts but not to deadlocks.
    Fixed,
    /// The account that pays, which leads to deadlocks, too.
    Any,
}

/// Transfers between two of the hot accounts. `begun` counts how often a body began.
trait Transfers: Send + Sync + 'static {
    fn transfer(
        &self,
        first: (i64, i64),
        second: (i64, i64),
        begun: &AtomicU64,
    ) -> impl Future<Output = Fallible<()>> + Send;
}

struct Hot<T> {
    transfers: Arc<T>,
    order: Order,
    begun: AtomicU64,
}

impl<T: Transfers> Work for Hot<T> {
    async fn call(&self, rng: &mut Rng) -> Result<(), Failure> {
        let from = rng.i64(1..=HOT);
        let to = (from + rng.i64(0..HOT - 1)) % HOT + 1;
        let (mut first, mut second) = ((from, -1), (to, 1));
        if self.order == Order::Fixed && from > to {
            (first, second) = (second, first);
        }
        self.transfers.transfer(first, second, &self.begun).await
    }
}

/// What all contestants of a table share.
struct Ground {
    order: Order,
    /// Counts what others, who are not contestants, commit.
    others: Arc<AtomicU64>,
}

impl Ground {
    fn new(order: Order) -> Self {
        Self {
            order,
            others: Arc::default(),
        }
    }

    fn contestant<T: Transfers>(
        &self,
        name: &'static str,
        promises: Promises,
        transfers: T,
    ) -> Contestant {
        let order = self.order;
        let (transfers, others) = (Arc::new(transfers), Arc::clone(&self.others));
        Contestant::new(name, promises, move |window| {
            let (transfers, others) = (Arc::clone(&transfers), Arc::clone(&others));
            Box::pin(async move {
                let hot = Arc::new(Hot {
                    transfers,
                    order,
                    begun: AtomicU64::new(0),
                });
                let began = others.load(Ordering::Relaxed);
                let mut measure = during(&hot, window.tasks, window.length, window.seed).await;
                measure.attempts = hot.begun.load(Ordering::Relaxed);
                measure.others = others.load(Ordering::Relaxed) - began;
                measure
            })
        })
    }
}
