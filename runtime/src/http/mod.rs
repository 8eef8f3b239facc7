//! For services that use [axum](https://docs.rs/axum): answers to failed calls, keys of requests that
//! may be repeated, and routes about the database.
//!
//! [The guide](crate::guide::health_and_http) shows all of it in a service.

mod access;
#[cfg(feature = "jobs")]
mod foreman;
mod idempotency;
#[cfg(feature = "jobs")]
mod jobs_page;
mod look;
mod lookout;
mod page;
mod pages;
mod problem;
mod routes;
mod seen;
mod served;
#[cfg(feature = "postgres")]
mod server;
#[cfg(feature = "postgres")]
mod without_values;

pub use idempotency::IdempotencyKey;
pub use problem::Problem;
pub use routes::Routes;
