//! [`AnyDb`]: a handle to whichever database the application was started with.

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::Sqlite;

use super::handle::Db;

/// A handle to whichever database the application was started with. A clone is another handle to the
/// same pools.
#[derive(Clone, Debug)]
pub enum AnyDb {
    /// SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(Db<Sqlite>),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(Db<Postgres>),
}

#[cfg(feature = "sqlite")]
impl From<Db<Sqlite>> for AnyDb {
    fn from(db: Db<Sqlite>) -> Self {
        Self::Sqlite(db)
    }
}

#[cfg(feature = "postgres")]
impl From<Db<Postgres>> for AnyDb {
    fn from(db: Db<Postgres>) -> Self {
        Self::Postgres(db)
    }
}
