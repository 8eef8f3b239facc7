//! SQLite, with one writer, many readers, and transactions that an error may or may not end.

mod dialect;
mod marks;
mod migrations;
mod pool_plan;
mod recovery;
mod session_control;
mod url;
