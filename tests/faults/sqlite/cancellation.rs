//! What SQLite shows of sessions that are left over.

use std::thread::sleep;
use std::time::Duration;

use sqlx::{Executor, SqliteConnection};

pub(crate) type Between = ();

/// Puts nothing in between, because SQLite has no network. [`slow_down`] delays the answers
/// instead.
pub(crate) async fn between(url: &str) -> (String, Between) {
    (url.to_owned(), ())
}

/// Makes every write, COMMIT and ROLLBACK take so long that its answer is not there at once.
pub(crate) async fn slow_down(conn: &mut SqliteConnection) {
    const MOMENT: Duration = Duration::from_micros(300);
    let mut handle = conn.lock_handle().await.expect("an open connection");
    handle.set_update_hook(|_| sleep(MOMENT));
    handle.set_rollback_hook(|| sleep(MOMENT));
    handle.set_commit_hook(|| {
        sleep(MOMENT);
        true
    });
}

/// Returns what is still going on in the file besides the observer: a lock that is not given up in
/// five seconds, which is the busy timeout of sqlx's connections. `None` if there is nothing.
pub(crate) async fn ask_whether_quiet(observer: &mut SqliteConnection, _: u32) -> Option<String> {
    let locked = observer.execute("BEGIN IMMEDIATE; ROLLBACK").await;
    locked.err().map(|error| error.to_string())
}

/// Returns what is wrong with a connection of the pool; `None` if it is clean.
pub(crate) async fn ask_whether_clean(conn: &mut SqliteConnection, reader: bool) -> Option<String> {
    let begun = conn.execute("BEGIN; ROLLBACK").await;
    if let Err(error) = begun {
        return Some(error.to_string());
    }
    let guarded: i64 = match sqlx::query_scalar("PRAGMA query_only")
        .fetch_one(conn)
        .await
    {
        Ok(guarded) => guarded,
        Err(error) => return Some(error.to_string()),
    };
    (guarded != i64::from(reader)).then(|| format!("PRAGMA query_only is {guarded}"))
}
