//! What dbop knows about an annotated function: its options, result, error type and counts.

mod counters;
mod db_error;
mod latency;
mod metrics;
mod operation;
mod overrides;
mod result;
mod retries;
mod retry_policy;

pub(crate) use counters::StatementCounts;
pub use db_error::{Cause, DbError, DriverError};
pub use latency::Latency;
#[cfg(feature = "http")]
pub(crate) use metrics::latencies;
pub use metrics::{OperationMetrics, metrics};
pub use operation::Op;
pub(crate) use operation::{Guard, Places};
pub(crate) use overrides::{Override, Overrides, in_variables};
pub(crate) use result::{Failure, OpResult, Provenance, ReportedError};
pub(crate) use retries::{Retries, RetryParts};
pub use retry_policy::RetryPolicy;
