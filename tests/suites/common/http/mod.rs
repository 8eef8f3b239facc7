//! Services that use axum.

use super::{Database, fresh_with};

mod keys;
mod problems;
