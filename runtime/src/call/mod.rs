//! One call of an operation: the loop that generated code writes, and what that loop calls.
//!
//! ```text
//! let mut call = Call::new(&OP, scope);
//! while let Some(mut attempt) = call.begin().await {   // opens a session, again if that fails
//!     let body = attempt.body();                       // deadline and span
//!     let mut session = attempt.tx();
//!     let result = body.run(async { .. }).await;
//!     attempt.end(result).await;                       // commits or rolls back, runs hooks
//! }
//! call.finish()
//! ```
//!
//! What may be true when the caller's future is dropped at each await, and the phase of the call
//! there ([`state`]), which decides what the metrics say:
//!
//! | dropped during | phase | the connection | the database |
//! |---|---|---|---|
//! | `begin`, waiting for a permit or a connection | waiting | none is held | untouched |
//! | `begin`, `BEGIN` sent | waiting | its lease is unfinished: discarded | untouched |
//! | `begin`, the marker of a `once` call sent | waiting | unfinished: discarded | untouched; if that was in the savepoint of a joined call, the whole transaction is aborted |
//! | `begin` or `end`, waiting to try again | waiting | none is held | as before the call, or unknown if an earlier attempt may have had an effect |
//! | `run` | running | in a transaction or in the middle of a statement unfinished: discarded | a transaction is rolled back; without one, the statements that ended stay |
//! | `end`, the result of a `once` call sent | running | unfinished: discarded | rolled back, with the marker |
//! | `end`, `ROLLBACK` sent | running | unfinished: discarded | rolled back |
//! | `end`, `COMMIT` sent | committing | goes on in a task of its own | committed or rolled back, never in part |
//! | `end`, hooks | committing or ended | given back | committed; the hooks go on in a task |
//!
//! The shutdown of the handle ends what is waited for in each of these places as the deadline of the call
//! does, except for the answer to `COMMIT`, which has a grace then, and for hooks.
//!
//! A function that returns a stream runs the same loop, in a future that the stream owns. The tables
//! in [`stream`] say what each await of it leaves.

mod args;
mod attempt;
mod begin;
mod call_loop;
mod commit;
#[cfg(all(feature = "sqlite", feature = "postgres"))]
mod either;
mod end;
mod enter;
mod guarded;
mod internal;
mod join;
mod on_connection;
mod on_transaction;
mod own;
mod prepare;
mod reports;
mod result;
mod retry;
mod run;
mod scoped;
mod span;
mod state;
mod stream;
mod stream_body;
mod unscoped;

pub(crate) use args::Attempted;
pub use args::{Arg, replay};
#[cfg(feature = "blocking")]
pub(crate) use call_loop::{CallLoop, NotOpened, Opening};
#[cfg(feature = "blocking")]
pub(crate) use commit::{CommitAnswer, GRACE, no_answer};
#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub use either::{choose, choose_chunked};
pub use guarded::Guarded;
pub(crate) use internal::operation;
#[cfg(feature = "jobs")]
pub(crate) use internal::{AsyncBody, in_transaction};
#[cfg(feature = "blocking")]
pub(crate) use retry::{AtOnce, BodyRan, FailedAttempt};
pub use scoped::Call;
#[cfg(feature = "blocking")]
pub(crate) use span::CallSpan;
#[cfg(feature = "blocking")]
pub(crate) use state::{CallState, Permit};
pub use stream::{Captures, LastItem, stream};
pub use unscoped::Unscoped;
