//! Runs the body of a plain function without a session on the blocking pool.

use std::panic::resume_unwind;

use tokio::task::JoinHandle;
use tracing::Span;

use super::bridge;
use super::owned_arg::Crosses;

/// Runs the body on the blocking pool, and resumes its panic in the caller.
///
/// If the caller goes away, a body that has not begun does not begin; a body that runs comes to its
/// end all the same.
pub async fn off_thread<R: Crosses>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let span = Span::current();
    let thread = tokio::task::spawn_blocking(move || {
        let _entered = span.enter();
        bridge::waiting_allowed(body)
    });
    let mut thread = Waiting(thread);
    match (&mut thread.0).await {
        Ok(result) => result,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime shuts down, and the task that waits here ends with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Keeps a body from beginning when its caller goes away.
struct Waiting<R>(JoinHandle<R>);

impl<R> Drop for Waiting<R> {
    fn drop(&mut self) {
        // Does nothing once a thread has begun to run the body.
        self.0.abort();
    }
}
