//! SQLite: one writer, many readers, and a transaction that an error may or may not have ended.

mod dialect;
mod marks;
mod pool_plan;
mod recovery;
mod session_control;
mod url;
