//! Plain functions on the blocking pool. Tests that hold with every driver are in `common`, which
//! is compiled once for each driver; the tests of a single driver are beside it.

mod breaker;
mod bridge;
mod counts;
mod diesel;
mod pool;
mod postgres;
mod rusqlite;
