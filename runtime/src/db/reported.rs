//! How a handle and its pools are called in metrics.

use std::sync::Arc;

use super::handle::DbInner;
use crate::backend::Backend;
use crate::pool::Pools;
use crate::telemetry::{Sums, Watched, watch};

impl<DB: Backend> DbInner<DB> {
    /// Lets the calls and the pools of this handle report from now on. `name` is what the application
    /// calls the pools.
    pub(super) fn report_as(self: &Arc<Self>, name: Option<&str>) {
        let options = self.write.pool().connect_options();
        self.defaults.monitor.reports.are_at(DB::location(&options));
        name_pools(&self.write, name, "write");
        if let Some(read) = &self.read {
            name_pools(read, name, "read");
        }
        watch(self);
    }
}

impl<DB: Backend> Watched for DbInner<DB> {
    fn add_to(&self, sums: &mut Sums) {
        self.write.add_to(sums);
        if let Some(read) = &self.read {
            read.add_to(sums);
        }
    }
}

/// Names pools, for example `postgresql://db.example:5432/bank write`: by what the application calls
/// them, or by the database, and by what the sessions are for.
fn name_pools<DB: Backend>(pools: &Pools<DB>, name: Option<&str>, sessions: &str) {
    let place = || DB::name(&pools.pool().connect_options());
    let name = name.map_or_else(place, str::to_owned);
    pools.report_as(&format!("{name} {sessions}"));
}
