//! Tests that hold on every database.

use super::{Database, fresh_with, outside};

pub(crate) mod adopted;
pub(crate) mod bad_input;
pub(crate) mod bank;
pub(crate) mod blocker;
mod callers_transaction;
mod commit_errors;
mod connecting;
mod deadlines;
mod ended_inside;
mod ends;
mod extremes;
pub(crate) mod guard;
pub(crate) mod hooks;
mod hooks_kept;
mod joins;
mod left_open;
mod lent_to_sqlx;
mod nesting;
pub(crate) mod notes;
mod opaque;
mod out_of_time;
mod pool;
mod prepared;
mod reopened;
mod repair;
pub(crate) mod replay;
mod replay_arguments;
pub(crate) mod returned_streams;
mod soak;
pub(crate) mod streams;
mod swallowed;
mod tracing;
mod transactions;
mod two_databases;
mod without_session;
