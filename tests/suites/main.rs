//! The integration suites. Tests of what both databases promise are in `common`, which is compiled
//! once for each database; the tests of a single database are beside it.
#![expect(
    clippy::duplicate_mod,
    reason = "the common suites are compiled for each database"
)]

mod blocking;
mod postgres;
mod sqlite;
