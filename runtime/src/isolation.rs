//! [`Isolation`]: the isolation levels that an operation may ask for.

use std::fmt;

/// A transaction isolation level of SQL:2023. A stronger level is greater than a weaker one.
///
/// An operation that asks for no level gets the default of its session: on Postgres the setting
/// `default_transaction_isolation`, which is read committed unless it was changed. SQLite has one
/// level, serializable, and therefore satisfies every request
/// (<https://www.sqlite.org/isolation.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Each statement sees what was committed before the statement began.
    ReadCommitted,
    /// All statements see the same snapshot. On Postgres this is snapshot isolation, which permits
    /// write skew.
    RepeatableRead,
    /// Transactions have the effect that they would have one after the other.
    Serializable,
}

impl Isolation {
    /// Returns the name of the level in SQL: `SERIALIZABLE`, `REPEATABLE READ` or
    /// `READ COMMITTED`.
    #[must_use]
    pub const fn as_sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_sql())
    }
}
