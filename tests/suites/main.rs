//! The integration suites. What both databases promise is in `common`, compiled once for each;
//! what only one has is beside it.
#![expect(
    clippy::duplicate_mod,
    reason = "the common suites are compiled for each database"
)]

mod blocking;
mod postgres;
mod sqlite;
