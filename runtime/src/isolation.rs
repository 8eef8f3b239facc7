//! [`Isolation`]: the levels an operation may ask for.

use std::fmt;

/// A transaction isolation level of SQL:2023, weakest first, so that levels compare by strength.
///
/// SQLite has one level, serializable, and therefore satisfies every request
/// (<https://www.sqlite.org/isolation.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// Every statement sees one snapshot; on Postgres this is snapshot isolation, which permits
    /// write skew.
    RepeatableRead,
    /// As if transactions ran one after the other.
    Serializable,
}

impl Isolation {
    /// The words SQL uses: `SERIALIZABLE`, `REPEATABLE READ`, `READ COMMITTED`.
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
