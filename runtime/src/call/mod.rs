//! One call of an operation: the loop that generated code writes, and what it calls.
//!
//! ```text
//! let mut call = Call::new(&OP, scope);
//! while let Some(mut attempt) = call.begin().await {   // a session; waits and retries if there is none
//!     let body = attempt.body();                       // deadline and span
//!     let mut session = attempt.tx();
//!     let result = body.run(async { .. }).await;
//!     attempt.end(result).await;                       // commit or roll back, release, wait, hooks
//! }
//! call.finish()
//! ```
//!
//! What may be true when the caller's future is dropped at each await:
//!
//! | dropped during | the connection | the database |
//! |---|---|---|
//! | `begin`, waiting for a permit or a connection | none is held | untouched |
//! | `begin`, `BEGIN` sent | [`Lease`] is unfinished: discarded | untouched |
//! | `begin`, the marker of a `once` call sent | unfinished: discarded | untouched; in a joined call's savepoint, the whole is aborted |
//! | `begin` or `end`, waiting to try again | none is held | as before the call, or unknown if an attempt was |
//! | `run` | unfinished in a transaction, or in the middle of a statement: discarded | transaction: rolled back; session: the statements that ended |
//! | `end`, the result of a `once` call sent | unfinished: discarded | rolled back, with its marker |
//! | `end`, `ROLLBACK` sent | unfinished: discarded | rolled back |
//! | `end`, `COMMIT` sent | goes on in a task of its own | committed or rolled back, never part |
//! | `end`, hooks | given back | committed; the hooks go on in that task |

mod args;
mod attempt;
mod begin;
mod call_loop;
mod commit;
mod end;
mod enter;
mod join;
mod on_connection;
mod own;
mod prepare;
mod reports;
mod result;
mod retry;
mod run;
mod scoped;
mod state;
mod unscoped;

pub use args::{Arg, Attempted, Replay, replay};
pub use attempt::Attempt;
#[cfg(feature = "blocking")]
pub(crate) use call_loop::{CallLoop, NotOpened, Opening};
#[cfg(feature = "blocking")]
pub(crate) use commit::{CommitAnswer, GRACE};
#[cfg(feature = "blocking")]
pub(crate) use retry::{AtOnce, BodyRan, FailedAttempt};
pub use run::Body;
pub use scoped::Call;
#[cfg(feature = "blocking")]
pub(crate) use state::{CallState, Permit};
pub use unscoped::{Unscoped, UnscopedAttempt};
