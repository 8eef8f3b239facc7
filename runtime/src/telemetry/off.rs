//! What stands for [`telemetry`](self) in a build without the feature `metrics`: nobody is told
//! anything, and nothing of this is left when it is compiled.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ErrorKind, Outcome};
use crate::op::{Op, ReportedError};

/// What all calls of a handle report to.
#[derive(Debug)]
pub(crate) struct Calls;

impl Calls {
    pub(crate) fn new() -> Self {
        Self
    }
}

/// What a call keeps for its report.
#[derive(Debug)]
pub(crate) struct CallReport;

impl CallReport {
    #[inline]
    pub(crate) fn on(_: &'static str) -> Self {
        Self
    }

    pub(crate) fn failed_with(&mut self, _: ErrorKind, _: &dyn ReportedError) {}

    pub(crate) fn was_cut_off(&mut self) {}

    pub(crate) fn retried(&self, _: &Calls, _: &'static Op, _: ErrorKind) {}

    pub(crate) fn ended(&self, _: &Calls, _: &'static Op, _: Outcome, _: Duration) {}
}

/// What one pool reports to.
#[derive(Debug)]
pub(crate) struct PoolReport;

impl PoolReport {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn acquired(&self, _: Instant) {}

    pub(crate) fn timed_out(&self) {}

    pub(crate) fn opened(&self, _: Instant) {}

    pub(crate) fn used(&self, _: Duration) {}

    pub(crate) fn leaked(&self) {}
}
