//! Transactions in chunks: one transaction for each so many items, from a slice or a stream.
//!
//! | the future is dropped while | the items |
//! |---|---|
//! | the position is read, or items that are done are skipped | as they were |
//! | items are read | the chunks before are committed; what was read of this one is forgotten |
//! | a chunk's transaction runs | the chunks before are committed, and this one is rolled back |
//! | a chunk is committed | as the server has it: committed with its position, or rolled back with it |
//! | the end is noted | all are committed; the next call finds nothing left to do |
//!
//! A call that is resumed reads the position that was committed with the last chunk, so in each case it
//! goes on behind the last item that is in the database.

mod committed;
mod items;
mod loops;
mod place;
#[cfg(feature = "once")]
mod position;

pub use committed::{ChunkError, Chunked, Committed};
pub use items::ChunkItems;
pub use loops::Chunks;
#[cfg(feature = "jobs")]
pub(crate) use place::InChunks;
pub use place::{AnyChunkScope, ChunkScope};
#[cfg(feature = "jobs")]
pub(crate) use position::{Asked, Ledger, Position, Resumable};
