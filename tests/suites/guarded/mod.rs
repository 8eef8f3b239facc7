//! Calls of other services. Each test has a breaker of its own name, because breakers belong to the
//! process.

mod circuit;
mod counts;
mod deadlines;
mod jobs;
mod limits;
mod nested;
mod retries;
mod service;
mod shapes;

use service::{Answer, ServiceError, Stub};
