//! Tests that hold on every database.

use super::{
    BLOCK_HEARTBEATS, Database, OLD_MARKERS, SESSIONS_OF, WRITE_FAILURE, fresh_with, outside,
};

pub(crate) mod cancellation;
pub(crate) mod chunks;
pub(crate) mod histories;
pub(crate) mod interviews;
#[cfg(unix)]
pub(crate) mod jobs;
mod limit;
pub(crate) mod once;
mod once_floats;
mod once_identity;
mod once_joined;
pub(crate) mod registers;
#[cfg(unix)]
mod terminated;
pub(crate) mod tried;
mod watchdogs;
