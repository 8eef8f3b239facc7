//! What an error means: whose fault it is, what it was, and whether trying again is safe.
//!
//! Pure functions from a database's code and message to a [`Class`], and the only place in this
//! crate that knows codes: [`postgres`], [`sqlite`], [`mysql`], and [`sqlx`] for what the driver
//! reports; and the same for the synchronous drivers, `rusqlite`, `diesel` and `tokio_postgres`,
//! each behind the feature that enables it.
//!
//! * Every SQLSTATE of PostgreSQL 15 to 18 and every result code of SQLite 3.51 has a deliberate
//!   answer; so have the MySQL and MariaDB errors that an application meets.
//! * **When in doubt, not retryable.** A code that is not known gets the category of its class and
//!   is never retried.
//! * [`Retry`] speaks about the statement that failed, not about the call it was part of: whether a
//!   call may run again also depends on what it did before.
//!
//! ```
//! use dbop::{classify, Category, Kind, Retry};
//!
//! // Two transactions disagree: the loser had no effect.
//! let class = classify::postgres("40001", "could not serialize access due to concurrent update");
//! assert_eq!(class.category, Category::Transient);
//! assert_eq!(class.kind, Kind::Serialization);
//! assert_eq!(class.retry, Retry::Always);
//!
//! // It stands among the transient ones, but the server does not know what became of it.
//! let class = classify::postgres("40003", "");
//! assert_eq!(class.category, Category::Ambiguous);
//! assert_eq!(class.retry, Retry::IfIdempotent);
//!
//! // Unknown to PostgreSQL.
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
#[cfg(feature = "postgres-client")]
mod tokio_postgres;

#[cfg(test)]
mod tests;

#[cfg(feature = "postgres-client")]
use self::sqlx::io;
pub use self::sqlx::sqlx;
pub use crate::error::{Category, Class, Kind, Retry};
#[cfg(feature = "diesel-sqlite")]
pub use diesel::{diesel, diesel_connection};
pub use mysql::mysql;
pub use postgres::postgres;
#[cfg(feature = "rusqlite")]
pub use rusqlite::rusqlite;
pub use sqlite::sqlite;
#[cfg(feature = "postgres-client")]
pub use tokio_postgres::tokio_postgres;
