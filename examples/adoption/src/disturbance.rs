//! Another connection that holds a lock for a moment: until the call under way has failed for good,
//! or until dbop says that it will try again. No time is involved, so every run is the same.

use std::path::Path;
use std::sync::LazyLock;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::watch;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::error::Result;

/// What the other connection does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Other {
    /// It reads, so nobody can commit a write.
    Reads,
    /// It writes, so nobody can read.
    Writes,
}

/// Makes a call while another connection has a lock.
pub(crate) async fn beside<T>(
    other: Other,
    file: &Path,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut retries = RETRIES.subscribe();
    let options = SqliteConnectOptions::new().filename(file);
    let mut conn = options.connect().await?;
    let lock = match other {
        Other::Reads => "BEGIN; SELECT COUNT(*) FROM books",
        Other::Writes => "BEGIN EXCLUSIVE",
    };
    conn.execute(sqlx::raw_sql(lock)).await?;
    let mut call = std::pin::pin!(call);
    let failed = tokio::select! {
        biased;
        result = &mut call => Some(result),
        _ = retries.changed() => None,
    };
    // The call makes no progress meanwhile.
    conn.close().await?;
    match failed {
        Some(result) => result,
        None => call.await,
    }
}

/// How often dbop has said that it will try again.
static RETRIES: LazyLock<watch::Sender<u64>> = LazyLock::new(watch::Sender::default);

/// Listens to what dbop says through `tracing`. Without dbop, nothing is ever said.
struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().fields().field("dbop.wait_ms").is_some() {
            RETRIES.send_modify(|retries| *retries += 1);
        }
    }
}

/// Begins to listen. To begin twice does no harm.
pub(crate) fn listen() {
    let listener = tracing_subscriber::registry().with(Listener);
    let _ = tracing::subscriber::set_global_default(listener);
}
