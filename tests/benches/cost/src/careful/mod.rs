//! The same by hand with dbop's promises, as far as some hundred lines of an application would have
//! them: a deadline over all attempts, a retry loop with full jitter where a repeat does no harm, a
//! retry budget and a circuit breaker, a category, an outcome and the number of attempts in the
//! error, a span, and counts, of calls that were dropped too. Of transactions also: when the caller
//! goes away what runs is stopped and rolled back, but a `COMMIT` that has begun goes on; and a joined
//! call that fails, or is dropped inside its savepoint, cannot be half-committed.
//!
//! Written to be fast: nothing is boxed or locked that need not be, one timer covers the whole
//! attempt, and each operation is a `static`. What dbop does beyond this is listed in the README of
//! this folder.

mod call;
mod dialect;
mod functions;
mod health;
mod joined;
mod session;
pub(crate) mod sync;

pub(crate) use functions::{
    callers_read, guarded_read, idle, joined, postgres, sessionless, sqlite,
};
pub(crate) use joined::Tx;
pub(crate) use session::Database;
