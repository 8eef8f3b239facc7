//! Maintenance: what a database needs from time to time, done by one process at a time.
//!
//! | file | what it holds |
//! |---|---|
//! | [`builder`] | which tasks there are, and how often each is due |
//! | [`supervisor`] | the task of tokio that runs them, and its handle |
//! | [`tasks`] | the tasks as operations |
//! | [`sqlite`], [`postgres`] | their statements, and what keeps other processes away meanwhile |
//!
//! What the end of the supervisor leaves, wherever it stands:
//!
//! | it ends while | the database |
//! |---|---|
//! | it waits | untouched |
//! | it takes its turn | SQLite: the claim may be there, and expires; Postgres: the lock goes with its connection |
//! | a task runs | the statement is stopped, as that of a call that is dropped; what it has done is done again later |
//! | it gives its turn back | SQLite: the claim expires; Postgres: the lock goes with its connection |

mod builder;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod supervisor;
mod tasks;

pub use builder::MaintenanceBuilder;
pub use supervisor::Maintenance;
pub use tasks::Maintained;
