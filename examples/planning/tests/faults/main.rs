//! The example under load, and while its processes are killed. A test on PostgreSQL has a database of its
//! own in the server that `DBOP_TEST_DATABASE_URL` names.

mod command_line;
mod kills;
mod load;
mod process;

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// Bounds what may hang, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until the condition holds.
async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < PATIENCE, "this never happened: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
