//! What an error means: who has to act, what went wrong, and whether it is safe to try again.
//!
//! This module has pure functions from a database's code and message to a [`Class`], and is the
//! only place in this crate that knows codes. [`postgres`], [`sqlite`] and [`mysql`] classify the
//! errors of those databases, and [`sqlx`] classifies the errors of the driver. `rusqlite`,
//! `diesel` and `tokio_postgres` do so for the synchronous drivers, each with the feature that
//! enables it.
//!
//! * Every SQLSTATE of PostgreSQL 15 to 18 and every result code of SQLite 3.51 has a deliberate
//!   answer. So do those errors of MySQL and MariaDB that an application may meet.
//! * **When in doubt, not retryable.** An unknown code gets the category of its class, and is never
//!   retried.
//! * [`Retry`] is about the statement that failed, not about the call that ran the statement.
//!   Whether a call may run again also depends on what it did before.
//!
//! ```
//! use dbop::{classify, Category, ErrorKind, Retry};
//!
//! // Two transactions conflict, and the one that failed had no effect.
//! let class = classify::postgres("40001", "could not serialize access due to concurrent update");
//! assert_eq!(class.category, Category::Transient);
//! assert_eq!(class.kind, ErrorKind::Serialization);
//! assert_eq!(class.retry, Retry::Always);
//!
//! // This code is of the class of transient failures, but the server does not know the outcome.
//! let class = classify::postgres("40003", "");
//! assert_eq!(class.category, Category::Ambiguous);
//! assert_eq!(class.retry, Retry::IfIdempotent);
//!
//! // PostgreSQL does not know this code.
//! assert_eq!(classify::postgres("ZZ123", "").retry, Retry::Never);
//! ```

#[cfg(any(feature = "rusqlite", feature = "diesel-sqlite"))]
mod carried;
mod class;
#[cfg(feature = "diesel-sqlite")]
mod diesel;
mod mysql;
mod postgres;
#[cfg(feature = "rusqlite")]
mod rusqlite;
mod sqlite;
mod sqlx;
#[cfg(feature = "postgres-sync")]
mod tokio_postgres;

#[cfg(test)]
mod tests;

#[cfg(feature = "postgres-sync")]
use self::sqlx::io;
pub use self::sqlx::sqlx;
pub use crate::error::{Category, Class, ErrorKind, Retry};
#[cfg(feature = "diesel-sqlite")]
pub use diesel::{diesel, diesel_connection};
pub use mysql::mysql;
pub use postgres::postgres;
#[cfg(feature = "rusqlite")]
pub use rusqlite::rusqlite;
pub use sqlite::sqlite;
#[cfg(feature = "postgres-sync")]
pub use tokio_postgres::tokio_postgres;
