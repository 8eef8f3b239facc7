//! What holds on every database.

use super::{Database, OLD_MARKERS, fresh_with};

mod limit;
pub(crate) mod once;
mod once_joined;
mod watchdogs;
