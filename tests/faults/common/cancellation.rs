//! Callers that go away at any await: the database is in the old state or the new one, the pool is
//! full and clean, no lock is held, and the next borrower does not wait.

use super::{Database, fresh_with, outside};

mod calls;
mod inside;
mod lent;
pub(crate) mod operations;
pub(crate) mod rounds;
mod several;
pub(crate) mod shutdown;
mod waiting;
pub(crate) mod world;
