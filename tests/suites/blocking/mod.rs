//! Plain functions on the blocking pool. What holds with every driver is in `common`, compiled once
//! for each; what only one has is beside it.

mod breaker;
mod bridge;
mod counts;
mod diesel;
mod pool;
mod postgres;
mod rusqlite;
