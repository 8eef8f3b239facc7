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
//! # The guide
//!
//! [`guide`] has a page for each subject. The first ones to read are [`guide::settings`],
//! [`guide::sessions`], [`guide::options`] and [`guide::errors`]. Who comes from a synchronous driver
//! begins with [`guide::from_sync_to_async`].
//!
//! # When is a call replayed?
//!
//! A call is replayed only if its failure may pass ([`Category::Transient`]) and a second run does
//! no harm: a transaction if it is known to have rolled back, and an operation if it is `read_only`
//! or `idempotent`, or if nothing of it can have been applied. [`guide::replay_and_outcomes`] has
//! the whole table.
//!
//! # Where things are
//!
//! * [`db_op`] and [`transactional`] annotate functions; [`lint`] lists what they reject.
//! * [`Db`] and [`DbBuilder`] open a database, and [`AnyDb`] opens whichever the URL names;
//!   [`RetryPolicy`] and [`CircuitBreaker`] are settings. [`Db::migrate`] runs migrations.
//! * [`Scope`] is what callers pass to an operation; [`Conn`] and [`Tx`] are what its body gets.
//! * `AdvisoryLock` is a lock of PostgreSQL that is held across calls.
//! * [`blocking`] is for sync code.
//! * [`Error`], [`DbError`] and [`classify`] say what went wrong; [`metrics()`] says what happened.
//! * [`guarded`](macro@guarded) is for calls of other services, whose circuit breakers are set by
//!   [`breaker`] and listed by [`breakers`].
//! * `job` makes a function a durable job, and `jobs` has what runs it.
//! * [`health`] says whether the database is there; `http` has answers, keys and routes for axum.
//! * [`defaults`] is for calls without a [`Db`].
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `sqlite`, `postgres` (both on by default) | the database, through sqlx; each compiles only its own driver |
//! | `once` (on by default) | [`once = key`](guide::once), with serde, serde_json and sha2 |
//! | `anyhow`, `eyre` | that crate's error as the error of an operation |
//! | `metrics` | [what an exporter is told](guide::logs_and_metrics), through the crate `metrics` |
//! | `prometheus` | the same as the text that Prometheus reads; turns on `metrics` |
//! | `rusqlite`, `diesel-sqlite`, `postgres-sync` | [plain functions](blocking) on connections of that driver |
//! | `blocking` | [plain functions](blocking) on connections of another driver; the three above turn it on |
//! | `http` | for axum: [problem details](http::Problem) of failed calls, [keys](http::IdempotencyKey) of requests, routes for health |
//! | `jobs` | `#[job]`: durable jobs, as `guide::jobs` says; by River's engine, whose licence is MPL-2.0 |
//! | `testing` | [`#[dbop::test]`](guide::testing), for `dev-dependencies` |
//!
//! Every build needs `sqlite` or `postgres`, also one that only has plain functions. TLS and column
//! types are features of sqlx; enable them there.

// docs.rs then shows with each item the feature that the item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("dbop needs a database: enable its feature `sqlite` or `postgres`");

#[cfg(feature = "postgres")]
mod advisory;
mod backend;
pub mod blocking;
mod bulk;
mod call;
mod chunks;
pub mod classify;
mod db;
mod error;
pub mod guide;
pub mod health;
#[cfg(feature = "http")]
pub mod http;
mod isolation;
#[cfg(feature = "jobs")]
pub mod jobs;
pub mod lint;
mod maintenance;
mod monitor;
mod once;
mod op;
mod policy;
mod pool;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod rt;
mod scope;
mod secret;
mod session;
mod sql;
#[cfg(feature = "metrics")]
pub mod telemetry;
#[cfg(not(feature = "metrics"))]
#[path = "telemetry/off.rs"]
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "postgres")]
pub use advisory::{AdvisoryKey, AdvisoryLock};
pub use backend::Backend;
#[cfg(feature = "blocking")]
pub use blocking::{BlockingDb, TwoWayDb};
pub use bulk::{BulkDatabase, BulkInsert, BulkValue};
pub use chunks::{AnyChunkScope, ChunkError, ChunkItems, ChunkScope, Committed};
pub use classify::{Category, Class, ErrorKind, Retry};
pub use db::{AnyDb, AnyDbBuilder, Db, DbBuilder};
/// [`guide::options`] has every option of the derive.
pub use dbop_macros::DbError;
/// A test with a database of its own. [`guide::testing`] says how tests are written, and has every
/// option with its default.
///
#[cfg(feature = "testing")]
pub use dbop_macros::database_test as test;
/// One session for the function. [`guide::options`] has every option with its default, [`lint`] every
/// mistake that the attribute rejects, and [`guide::adoption`] the shapes of existing functions.
///
pub use dbop_macros::db_op;
/// A call of another service. [`guide::guarded`] has every option with its default, and says what counts
/// as an outage.
///
pub use dbop_macros::guarded;
/// A durable job: a function that workers run later, until it has succeeded. [`guide::jobs`] says when a
/// job is the right tool, and has every option with its default.
///
#[cfg(feature = "jobs")]
pub use dbop_macros::job;
/// One transaction for the function. [`guide::options`] has every option with its default, [`lint`]
/// every mistake that the attribute rejects, and [`guide::adoption`] the shapes of existing functions.
///
pub use dbop_macros::transactional;
pub use op::{Cause, DbError, Latency, OperationMetrics, RetryPolicy, metrics};
// These names make rustc's lint attributes of the same names ambiguous in this file, so the file
// cannot have any.
pub use dbop_macros::{
    lint_allow as allow, lint_deny as deny, lint_expect as expect, lint_warn as warn,
};
pub use error::{Error, Outcome, Result};
pub use isolation::Isolation;
pub use maintenance::{Maintained, Maintenance, MaintenanceBuilder};
pub use monitor::{
    Alert, AlertKind, AlertReceiver, FailedCall, OnAlert, SessionInfo, SessionState, Totals,
};
pub use policy::{
    Breaker, BreakerInfo, CircuitBreaker, ProcessDefaults, Shutdown, breaker, breakers, defaults,
};
pub use scope::{
    AnyScope, AnySessionScope, Place, Scope, SessionPlace, SessionScope, TwoWayScope,
    TwoWaySessionScope,
};
pub use secret::Secret;
pub use session::{Conn, HookResult, Tx};

// The number is that of the patch version, so that code generated by another version of dbop-macros
// does not compile with this one.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private0;
