//! [`AdvisoryKey`]: the key of an advisory lock, and what the server is told about one.

use std::fmt;

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Executor, Postgres, Row};

/// The key of an advisory lock. It is a key in PostgreSQL's own key spaces, so this program and a
/// program in another language that takes the same key exclude each other
/// (<https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS>).
///
/// | made from | on the server |
/// |---|---|
/// | `i64` | `pg_advisory_lock(key)` |
/// | `(i32, i32)` | `pg_advisory_lock(key1, key2)`, in a key space of its own |
/// | `&str`, `String` | `pg_advisory_lock(hashtextextended(key, 0))`, in the key space of `i64` |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdvisoryKey(ServerKey);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ServerKey {
    Number(i64),
    Pair(i32, i32),
    Text(String),
}

impl From<i64> for AdvisoryKey {
    fn from(key: i64) -> Self {
        Self(ServerKey::Number(key))
    }
}

impl From<(i32, i32)> for AdvisoryKey {
    fn from((first, second): (i32, i32)) -> Self {
        Self(ServerKey::Pair(first, second))
    }
}

impl From<&str> for AdvisoryKey {
    fn from(key: &str) -> Self {
        key.to_owned().into()
    }
}

impl From<String> for AdvisoryKey {
    fn from(key: String) -> Self {
        Self(ServerKey::Text(key))
    }
}

impl fmt::Display for AdvisoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ServerKey::Number(key) => write!(f, "{key}"),
            ServerKey::Pair(first, second) => write!(f, "({first}, {second})"),
            ServerKey::Text(key) => f.write_str(key),
        }
    }
}

impl AdvisoryKey {
    /// Returns the arguments for the server's functions, in SQL.
    fn arguments(&self) -> &'static str {
        match self.0 {
            ServerKey::Number(_) => "$1",
            ServerKey::Pair(..) => "$1, $2",
            ServerKey::Text(_) => "hashtextextended($1, 0)",
        }
    }

    /// Returns the number that `pg_locks` shows in two halves, as an SQL expression, and the
    /// `objsubid` of its key space.
    pub(super) fn in_pg_locks(&self) -> (&'static str, u8) {
        match self.0 {
            ServerKey::Number(_) => ("$1", 1),
            ServerKey::Pair(..) => ("($1::bigint << 32) | ($2::bigint & 4294967295)", 2),
            ServerKey::Text(_) => ("hashtextextended($1, 0)", 1),
        }
    }

    pub(super) fn bind(&self, sql: String) -> Query<'static, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        match &self.0 {
            ServerKey::Number(key) => query.bind(*key),
            ServerKey::Pair(first, second) => query.bind(*first).bind(*second),
            ServerKey::Text(key) => query.bind(key.clone()),
        }
    }

    /// Calls one of the server's functions, and returns its answer; `true` for a function that
    /// returns nothing.
    pub(super) async fn call<'c>(
        &self,
        on: impl Executor<'c, Database = Postgres>,
        function: Function,
    ) -> sqlx::Result<bool> {
        let sql = format!("SELECT {}({})", function.name(), self.arguments());
        let row = self.bind(sql).fetch_one(on).await?;
        match function {
            Function::Lock => Ok(true),
            Function::TryLock | Function::Unlock => row.try_get(0),
        }
    }
}

/// A function of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Lock,
    TryLock,
    Unlock,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Lock => "pg_advisory_lock",
            Self::TryLock => "pg_try_advisory_lock",
            Self::Unlock => "pg_advisory_unlock",
        }
    }
}
