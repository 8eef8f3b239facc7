//! What an error means: whose fault it is, what it was, and whether trying again is safe.
//!
//! Pure functions from a database's code and message to a [`Class`], and the only place in this
//! crate that knows codes: [`postgres`], [`sqlite`], [`mysql`], and [`sqlx`] for what the driver
//! reports.
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

mod class;
mod mysql;
mod postgres;
mod sqlite;
mod sqlx;

#[cfg(test)]
mod tests;

pub use self::sqlx::sqlx;
pub use class::{Category, Class, Kind, Retry};
pub use mysql::mysql;
pub use postgres::postgres;
pub use sqlite::sqlite;
