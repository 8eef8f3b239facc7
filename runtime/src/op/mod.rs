//! What dbop knows about an annotated function: its options, result, error type and counts.

mod db_error;
mod metrics;
mod operation;
mod result;

pub use db_error::{Cause, DbError, DriverError};
pub use metrics::{OperationMetrics, metrics};
pub use operation::Op;
pub(crate) use operation::{Limit, Retries};
pub(crate) use result::{Failure, OpResult, ReportedError};
