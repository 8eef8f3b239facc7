//! What dbop promises while something fails: callers that go away, connections that are cut,
//! servers and processes that die. Tests of what both databases promise are in `common`, which is
//! compiled once for each database; the tests of a single database are beside it.
#![expect(
    clippy::duplicate_mod,
    reason = "the common suites are compiled for each database"
)]

mod blocking;
mod checker;
mod postgres;
mod readme;
mod sqlite;
