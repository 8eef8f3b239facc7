//! Sync code on both sides: plain functions as operations, and operations called from code that is
//! not async.
//!
//! * [`BlockingDb`] is what callers pass to a plain `fn` under
//!   [`#[db_op]`](macro@crate::db_op) or [`#[transactional]`](macro@crate::transactional): a pool of
//!   connections of `rusqlite`, diesel or `postgres`.
//! * [`block_on`] runs an async operation from a script or a test, and [`Db`] opens a database
//!   there.
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
//!   written. It opens no transaction of its own: it is for other bodies, which it then is a part
//!   of, and for tests.
//!
//! The connection is the first parameter that is a `&mut` reference, a `&Connection`, or the one
//! marked `#[session]`. Without one, the function keeps its signature and only moves to the
//! blocking pool.
//!
//! | an argument | crosses as |
//! |---|---|
//! | `T`, `&'static T` | itself: `T: Send + 'static` |
//! | `&str`, `&[T]`, `&T` | a copy that is lent again: `T: Clone + Send + 'static` |
//! | `Option<&T>`, `&[&T]` | the same |
//! | `&self`, `self: &Arc<Self>`, `self: Arc<Self>` | a clone: `Self: Clone`, or of the `Arc` |
//! | anything else with a reference in it, `&mut self` | not: an error at that argument |
//!
//! # What is replayed
//!
//! A `#[transactional]` that is known to have rolled back, as everywhere. The statements of a
//! `#[db_op]` go past dbop, so nobody knows what a failed body has done: it is replayed if it is
//! `read_only` or `idempotent`, and otherwise only where it has not begun.
//!
//! # What cannot be stopped
//!
//! A thread cannot be cancelled. When a caller goes away, or its deadline passes, a body that has
//! not begun does not begin. One that runs keeps its connection, and its place under
//! `max_concurrency`, until it has returned; its statements are interrupted, one after the other,
//! where the driver can do that (`rusqlite`, `postgres`), and its transaction is rolled back instead
//! of committed. A `#[db_op]` that writes is left to its end, so that it is not cut in half.
//!
//! # What cannot be seen
//!
//! Statements go to the driver, past dbop. So no error of a statement proves that an operation has
//! had no effect: a `#[db_op]` that is neither `read_only` nor `idempotent` is replayed only while
//! its body has not begun. An error of a `_sync` function that a body swallows rolls nothing back,
//! except on Postgres, where it aborts the transaction. And a transaction that is no longer open at
//! the end of its body has [`Outcome::Unknown`](crate::Outcome::Unknown): the body may have
//! committed it, or the database has rolled it back in answer to an error (`ON CONFLICT ROLLBACK`,
//! a full disk).

#[cfg(feature = "blocking")]
mod attempt;
mod bridge;
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
pub(crate) mod thread;

pub use bridge::block_on;
#[cfg(feature = "blocking")]
pub use connection::{Begin, Interrupt, SyncConnection, TransactionStatus};
pub use handle::Db;
pub use owned_arg::{Crosses, Lent};
#[cfg(feature = "blocking")]
pub use pool::{BlockingBuilder, BlockingDb, Manager};
