//! For services that use [axum](https://docs.rs/axum): answers to failed calls, and keys of requests
//! that may be repeated.
//!
//! [The guide](crate::guide::health_and_http) shows all of it in a service.

mod idempotency;
mod problem;

pub use idempotency::IdempotencyKey;
pub use problem::Problem;
