//! The functions by hand with dbop's promises, as far as some hundred lines of an application can
//! keep them. Calls have a deadline over all attempts, a retry loop with full jitter where a repeat
//! does no harm, a retry budget and a circuit breaker. Errors have a category, an outcome and the
//! number of attempts. There are a span and counts, also of calls that were dropped. When the
//! caller of a transaction goes away, what runs is stopped and rolled back, but a `COMMIT` that has
//! begun goes on. A joined call that fails, or is dropped inside its savepoint, cannot be
//! half-committed.
//!
//! The code is written to be fast: nothing is boxed or locked without need, one timer covers the
//! whole attempt, and each operation is a `static`. The README of this folder lists what dbop does
//! beyond this.

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
