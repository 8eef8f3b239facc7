//! [`Look`]: what is seen of a handle at one moment.

use tokio::time::Instant;

use crate::db::AnyDb;
use crate::health::PoolStatus;
use crate::monitor::Totals;
use crate::op::Latency;

/// What is seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) at: Instant,
    pub(super) pools: PoolStatus,
    pub(super) totals: Totals,
    /// How long the calls took that have ended since the look before. `None` if there were none.
    pub(super) latency: Option<Latency>,
}

impl Look {
    pub(super) fn at(db: &AnyDb, latency: Option<Latency>) -> Self {
        Self {
            at: Instant::now(),
            pools: db.pool_status(),
            totals: db.totals(),
            latency,
        }
    }
}
