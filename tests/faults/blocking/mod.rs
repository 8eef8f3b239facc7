//! What plain functions promise while something fails: callers that go away, drivers that panic,
//! statements that do not end, connections that are cut.

mod cancelled;
mod interrupts;
mod postgres;
mod races;
mod savepoints;
mod shutdown;
mod sqlite;
mod sqlite_ends;
mod stages;
