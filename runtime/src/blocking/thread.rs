//! A body without a session on the blocking pool.

use std::panic::resume_unwind;

use tracing::Span;

use super::argument::Crosses;
use super::bridge;

/// Runs the body on the blocking pool, and goes on with its panic. Where nobody waits any more, it
/// runs to its end all the same.
pub async fn off_thread<R: Crosses>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let span = Span::current();
    let thread = tokio::task::spawn_blocking(move || {
        let _entered = span.enter();
        bridge::waiting_allowed(body)
    });
    match thread.await {
        Ok(result) => result,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime shuts down, and with it whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}
