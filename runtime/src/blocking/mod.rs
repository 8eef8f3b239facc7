//! Sync code: plain functions as operations, and operations that are called from code that is not
//! async.
//!
//! * [`BlockingDb`] is what callers pass to a plain `fn` under [`#[db_op]`](macro@crate::db_op) or
//!   [`#[transactional]`](macro@crate::transactional): a pool of connections of `rusqlite`, diesel
//!   or `postgres`.
//! * [`TwoWayDb`] has an async and a plain half, and a switch that says which of them calls take.
//! * [`block_on`] runs an async operation in a script or a test, and [`BlockOnDb`] opens a database there.
//!
//! # Plain functions
//!
//! ```
//! # #[cfg(feature = "rusqlite")]
//! # mod example {
//! # use dbop::transactional;
//! #[transactional]
//! fn rename(conn: &mut rusqlite::Connection, id: i64, name: &str) -> dbop::Result<bool> {
//!     Ok(conn.execute("UPDATE users SET name = ?2 WHERE id = ?1", (id, name))? == 1)
//! }
//! # }
//! ```
//!
//! becomes two functions:
//!
//! * `async fn rename(db: &BlockingDb<..>, id: i64, name: &str)`, which runs the body on tokio's
//!   blocking pool, with the deadline, the retries, the category and the counts of every operation;
//! * `fn rename_sync(conn: &mut rusqlite::Connection, id: i64, name: &str)`, the function as it was
//!   written. It opens no transaction of its own. Call it in the body of another operation, whose
//!   transaction it joins, and in tests.
//!
//! The connection is the first parameter that is a `&mut` reference or a `&Connection`, or the
//! parameter marked `#[session]`. A function without a connection keeps its signature and only
//! moves to the blocking pool.
//!
//! | an argument | crosses to the other thread as |
//! |---|---|
//! | `T`, `&'static T` | itself; needs `T: Send + 'static` |
//! | `&str`, `&[T]`, `&T` | a copy, to which the body gets a reference; needs `T: Clone + Send + 'static` |
//! | `Option<&T>`, `&[&T]` | copies, to which the body gets references; needs `T: Clone + Send + 'static` |
//! | `&self`, `self: &Arc<Self>`, `self: Arc<Self>` | a clone of `Self`, which needs `Self: Clone`, or of the `Arc` |
//! | anything else with a reference in it, `&mut self` | nothing: a compile error at that argument |
//!
//! # What is replayed
//!
//! A `#[transactional]` is replayed when it is known to have rolled back, as everywhere. The
//! statements of a `#[db_op]` go to the driver without passing through dbop, so dbop does not know
//! what a failed body has done. A `#[db_op]` is therefore replayed if it is `read_only` or
//! `idempotent`, and otherwise only if its body has not begun.
//!
//! # What cannot be stopped
//!
//! A thread cannot be cancelled. When a caller goes away, or its deadline passes, a body that has
//! not begun does not begin. A body that runs keeps its connection, and its place under
//! `max_concurrency`, until it has returned. Its statements are interrupted, one after the other,
//! where the driver can do that (`rusqlite`, `postgres`), and its transaction is rolled back
//! instead of committed. A `#[db_op]` that writes runs to its end, so that it is not cut in half.
//!
//! # What cannot be seen
//!
//! Statements go to the driver without passing through dbop. This has three consequences:
//!
//! * No error of a statement proves that an operation has had no effect. A `#[db_op]` that is
//!   neither `read_only` nor `idempotent` is replayed only while its body has not begun.
//! * If a body swallows the error of a `_sync` function, nothing is rolled back, except on
//!   Postgres, where the error aborts the transaction.
//! * If the transaction is no longer open at the end of its body, its outcome is
//!   [`Outcome::Unknown`](crate::Outcome::Unknown): the body may have committed it, or the database
//!   may have rolled it back in answer to an error (`ON CONFLICT ROLLBACK`, a full disk).

#[cfg(feature = "blocking")]
mod attempt;
mod bridge;
#[cfg(feature = "blocking")]
mod builder;
#[cfg(feature = "blocking")]
pub(crate) mod call;
#[cfg(feature = "blocking")]
mod connection;
#[cfg(feature = "blocking")]
mod drivers;
mod handle;
#[cfg(feature = "blocking")]
mod handshake;
#[cfg(feature = "blocking")]
mod manager;
pub(crate) mod owned_arg;
#[cfg(feature = "blocking")]
pub(crate) mod pool;
#[cfg(all(feature = "blocking", feature = "metrics"))]
mod reported;
pub(crate) mod thread;
#[cfg(feature = "blocking")]
pub(crate) mod two_way;
#[cfg(feature = "blocking")]
mod watched;

pub use bridge::block_on;
#[cfg(feature = "blocking")]
pub use builder::BlockingDbBuilder;
#[cfg(feature = "blocking")]
pub use connection::{Begin, Interrupt, SyncConnection, TransactionStatus};
pub use handle::BlockOnDb;
#[cfg(feature = "blocking")]
pub use manager::{AnyManager, Manager};
pub use owned_arg::{Crosses, Lent};
#[cfg(feature = "blocking")]
pub use pool::BlockingDb;
#[cfg(feature = "blocking")]
pub use two_way::TwoWayDb;
