//! Advisory locks of PostgreSQL that are held for longer than a statement or a transaction.

mod keeper;
mod key;
mod lock;

pub use key::AdvisoryKey;
pub use lock::AdvisoryLock;
