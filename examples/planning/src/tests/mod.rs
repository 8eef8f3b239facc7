//! What the example promises, on each database. A test on PostgreSQL has a database of its own in the
//! server that `DBOP_TEST_DATABASE_URL` names.

mod events;
mod export;
mod jobs;
mod planning;
mod scraping;
mod stage;

use std::time::Duration;

/// Bounds what may hang.
const PATIENCE: Duration = Duration::from_secs(60);
