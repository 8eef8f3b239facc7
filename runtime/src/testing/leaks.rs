//! What a test has left behind: connections that are in use, and sessions that are open.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::database::TestBackend;
use crate::db::Db;
use crate::error::Result;
use crate::monitor::held_by;

/// How long what a test has used may take to come back.
const GRACE: Duration = Duration::from_secs(1);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Closes the handle, and waits until nobody uses the database any more. Returns what still does after
/// the [`GRACE`]; `None` if nothing does.
pub(super) async fn close<DB: TestBackend>(
    db: &Db<DB>,
    place: &DB::Place,
) -> Result<Option<String>> {
    let until = Instant::now() + GRACE;
    while db.held().connections > 0 {
        if Instant::now() >= until {
            return Ok(Some(in_use(db)));
        }
        sleep(LOOK_EVERY).await;
    }
    let _ = timeout(GRACE, db.close()).await;
    let until = Instant::now() + GRACE;
    loop {
        let sessions = DB::sessions_on(place).await?;
        if sessions.is_empty() {
            return Ok(None);
        }
        if Instant::now() >= until {
            return Ok(Some(open(&sessions)));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn in_use<DB: TestBackend>(db: &Db<DB>) -> String {
    let held = db.held();
    let mut text = format!(
        "{} connection(s) of the test's database still in use {} s after its end",
        held.connections,
        GRACE.as_secs()
    );
    let by_operations = u32::try_from(held.sessions.len()).unwrap_or(u32::MAX);
    if by_operations > 0 {
        let _ = write!(text, ", held{}", held_by(held.sessions));
    }
    let taken = held.connections.saturating_sub(by_operations);
    if taken > 0 {
        let _ = write!(text, ", {taken} of them taken from the pool directly");
    }
    text + "; wait in the test for the tasks that it has spawned, and drop what holds a connection"
}

fn open(sessions: &[String]) -> String {
    format!(
        "still open {} s after the end of the test: {}; in the test, release advisory locks, and close \
         what has opened connections of its own",
        GRACE.as_secs(),
        sessions.join(", ")
    )
}
