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
//! A thread cannot be cancelled. When a caller goes away, or its deadline passes, the statement that
//! runs is interrupted where the driver can do that (`rusqlite`, `postgres`), and the transaction is
//! rolled back instead of committed; until the body has returned, it keeps its connection. A
//! `#[db_op]` that writes is left to its end, so that it is not cut in half.

mod argument;
mod bridge;
#[cfg(feature = "blocking")]
mod connection;
#[cfg(feature = "blocking")]
mod drivers;
mod facade;
#[cfg(feature = "blocking")]
mod pool;
mod thread;
#[cfg(feature = "blocking")]
mod work;

pub use bridge::block_on;
#[cfg(feature = "blocking")]
pub use connection::{Begin, Interrupt, SyncConnection, TransactionStatus};
pub use facade::Db;
#[cfg(feature = "blocking")]
pub use pool::{BlockingBuilder, BlockingDb, Manager};

pub use argument::{Crosses, Lent};
#[doc(hidden)]
pub use argument::{lend_each, lend_option, lend_owned, own, own_each, own_option, sent};
#[cfg(feature = "blocking")]
pub(crate) use drivers::describe;
#[cfg(feature = "diesel-sqlite")]
pub(crate) use drivers::inside_diesel;
#[cfg(feature = "rusqlite")]
pub(crate) use drivers::inside_rusqlite;
#[cfg(feature = "blocking")]
pub(crate) use pool::Lease;
#[doc(hidden)]
pub use thread::off_thread;
#[cfg(feature = "blocking")]
pub(crate) use work::{Ended, Progress, Work};
