//! What the service promises, over HTTP, on each database. A test on PostgreSQL has a database of its
//! own in the server that `DBOP_TEST_DATABASE_URL` names.

mod admin;
mod client;
mod conversations;
mod feedback;
mod gate;
mod pages;
mod payments;
mod questions;
mod requests;
mod sessions;
mod users;

use std::time::Duration;

/// Bounds what may hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// An id of every sort that no row has.
const NOBODY: &str = "0190a5d0-0000-7000-8000-000000000000";
