//! Attributes that turn plain database functions into production-grade ones, over sqlx and tokio.
//!
//! You write the body; [`db_op`] and [`transactional`] write the session handling, the
//! transaction, the retry loop, the deadline, the error category and the measurements.
//!
//! ```
//! use dbop::{Conn, Db, DbError, Tx, db_op, transactional};
//! use sqlx::Sqlite;
//!
//! #[derive(Debug, thiserror::Error, DbError)]
//! pub enum BankError {
//!     #[error("account {0} has insufficient funds")]
//!     InsufficientFunds(i64),
//!     #[error(transparent)]
//!     Database(#[from] dbop::Error),
//! }
//!
//! #[db_op(read_only)]
//! pub async fn balance(conn: &mut Conn<'_, Sqlite>, id: i64) -> Result<i64, BankError> {
//!     let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = ?");
//!     Ok(cents.bind(id).fetch_one(&mut *conn).await?)
//! }
//!
//! #[transactional]
//! pub async fn withdraw(tx: &mut Tx<'_, Sqlite>, id: i64, cents: i64) -> Result<i64, BankError> {
//!     let update = sqlx::query_scalar("UPDATE accounts SET cents = cents - ? WHERE id = ? RETURNING cents");
//!     let left: i64 = update.bind(cents).bind(id).fetch_one(&mut *tx).await?;
//!     if left < 0 {
//!         return Err(BankError::InsufficientFunds(id));
//!     }
//!     Ok(left)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BankError> {
//! let db = Db::<Sqlite>::connect("sqlite::memory:").await?;
//! # sqlx::raw_sql("CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL);
//! #     INSERT INTO accounts VALUES (1, 500)").execute(db.pool()).await.map_err(dbop::Error::from)?;
//! assert_eq!(withdraw(&db, 1, 200).await?, 300);
//! assert!(withdraw(&db, 1, 900).await.is_err());
//! assert_eq!(balance(&db, 1).await?, 300);
//! # Ok(())
//! # }
//! ```
//!
//! # When is a call tried again?
//!
//! Only when its failure may pass ([`Category::Transient`]) and a second run does no harm:
//!
//! | the call | is replayed |
//! |---|---|
//! | `#[transactional]` | when its transaction is known to have rolled back |
//! | `#[db_op]` | when no session could be opened, or its *first* statement failed in a way that proves that it was not applied (40001, 40P01, 55P03, 57014, SQLite BUSY; not `CALL`, `DO`, `OR FAIL`, or several statements in one text) |
//! | with `read_only` or `idempotent` | after any transient failure |
//! | `#[transactional(once = key)]` | also when the answer to COMMIT was lost: its marker tells whether it was applied |
//! | `#[db_op]` on a plain `fn`, without these | when its body has not begun |
//! | joined, or on a caller's connection | never; the outermost call replays the whole |
//!
//! Conflicts between sessions get up to 5 attempts, outages 3 and a share of a
//! [budget](Builder::retry_budget), both within the call's deadline, with full jitter between them
//! ([`Policy`]).
//!
//! Each call asks the [circuit breaker](Breaker) of its [`Db`] first, then for a place among the
//! calls that may run at once (`max_concurrency`), then for a connection.
//!
//! # Where things are
//!
//! [`Db`] and [`Builder`] open a database; [`Scope`] is what callers pass; [`Conn`] and [`Tx`] are
//! what bodies get; `AdvisoryLock` is a lock of PostgreSQL that is held across calls; [`blocking`] is
//! for sync code; [`Error`], [`DbError`] and [`classify`] say what went wrong; [`metrics`] says what
//! happened; [`defaults`] is for calls without a [`Db`].
//!
//! # Features
//!
//! `sqlite` and `postgres` (both on), each compiling only its own driver; `anyhow` and `eyre` make
//! those crates' errors usable as an operation's error; `rusqlite`, `diesel-sqlite` and
//! `postgres-client` allow [plain functions](blocking) on connections of those drivers. TLS and column types are features of sqlx:
//! enable them there.

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("dbop needs a database: enable its feature `sqlite` or `postgres`");

#[cfg(feature = "postgres")]
mod advisory;
mod backend;
pub mod blocking;
mod call;
pub mod classify;
mod db;
mod error;
mod isolation;
pub mod lint;
mod once;
mod op;
mod policy;
mod pool;
mod rt;
mod scope;
mod session;

#[cfg(feature = "postgres")]
pub use advisory::{AdvisoryKey, AdvisoryLock};
pub use backend::Backend;
#[cfg(feature = "blocking")]
pub use blocking::BlockingDb;
pub use classify::{Category, Class, Kind, Retry};
pub use db::{Builder, Db};
pub use dbop_macros::{DbError, db_op, transactional};
pub use op::{Cause, DbError, OperationMetrics, metrics};
// No lint attribute may stand in this file: these make rustc's of the same names ambiguous here.
pub use dbop_macros::{
    lint_allow as allow, lint_deny as deny, lint_expect as expect, lint_warn as warn,
};
pub use error::{Error, Outcome, Result};
pub use isolation::Isolation;
pub use policy::{Breaker, Policy, ProcessDefaults, defaults};
pub use scope::Scope;
pub use session::{Conn, HookResult, Tx};

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
