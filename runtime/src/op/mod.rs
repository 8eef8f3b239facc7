//! What dbop knows of an annotated function: its options, its result, its error type, its counts.

mod db_error;
mod metrics;
mod operation;
mod result;

pub use db_error::{Cause, DbError, DriverError};
pub use metrics::{OperationMetrics, metrics};
pub use operation::Op;
pub(crate) use operation::{Limit, Retries};
pub(crate) use result::Failure;
pub use result::OpResult;
