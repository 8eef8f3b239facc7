//! A retry loop by hand, which goes on until the deadline with one of two delays.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness::bank::Fallible;
use tokio::time::{Instant, sleep, timeout_at};

use super::DEADLINE;
use crate::peers::passing::passes;

#[derive(Clone, Copy, Debug)]
pub(super) enum Delay {
    Fixed,
    /// The delay doubles each time, and has full jitter.
    Exponential,
}

impl Delay {
    fn before(self, attempt: u32) -> Duration {
        let base = Duration::from_millis(10);
        match self {
            Self::Fixed => base,
            Self::Exponential => {
                let bound = base * 2_u32.pow(attempt.min(10));
                bound.min(Duration::from_secs(1)).mul_f64(fastrand::f64())
            }
        }
    }
}

/// Tries again after failures that may pass, until the deadline.
pub(super) async fn retried<A>(
    delay: Delay,
    begun: &AtomicU64,
    attempt: impl Fn() -> A,
) -> Fallible<()>
where
    A: Future<Output = sqlx::Result<()>>,
{
    let deadline = Instant::now() + DEADLINE;
    for number in 0.. {
        begun.fetch_add(1, Ordering::Relaxed);
        let error = match timeout_at(deadline, attempt()).await? {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let wait = delay.before(number);
        if !passes(&error) || Instant::now() + wait >= deadline {
            return Err(error.into());
        }
        sleep(wait).await;
    }
    unreachable!("there is a last attempt")
}
