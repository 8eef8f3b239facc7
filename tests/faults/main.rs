//! What dbop promises while something fails: callers that go away, connections that are cut,
//! servers and processes that die. What both databases promise is in `common`, compiled once for
//! each; what only one has is beside it.
#![expect(
    clippy::duplicate_mod,
    reason = "the common suites are compiled for each database"
)]

mod blocking;
mod checker;
mod postgres;
mod readme;
mod sqlite;
