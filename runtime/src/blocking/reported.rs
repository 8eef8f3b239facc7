//! How a [`BlockingDb`](super::BlockingDb) and its pool are called in metrics.

use std::sync::Arc;

use super::connection::SyncConnection;
use super::pool::BlockingDbInner;
use crate::telemetry::{PoolGauges, Sums, Watched, watch};

impl<C: SyncConnection> BlockingDbInner<C> {
    /// Lets the pool report from now on. Where the database is, only the manager knows, so the pool
    /// has the name of the product.
    pub(super) fn report(self: &Arc<Self>) {
        self.held.report.is_named(C::SYSTEM.to_owned());
        watch(self);
    }
}

impl<C: SyncConnection> Watched for BlockingDbInner<C> {
    fn add_to(&self, sums: &mut Sums) {
        let status = self.pool().status();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let numbers = PoolGauges {
            max: self.size,
            open: number(status.size),
            idle: number(status.available.min(status.size)),
            waiting: self.held.waiting(),
        };
        sums.add(&self.held.report, numbers);
    }
}
