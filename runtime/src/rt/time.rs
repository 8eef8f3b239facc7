//! Durations: the longest one, a compact one, and the form in which databases take them.

use std::time::Duration;

use tokio::time::{Instant, timeout};

/// Stands for "no time limit". It is short enough to be added to the time of any clock.
pub(crate) const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A duration in milliseconds, in four bytes, for values that are kept in many places.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Millis(u32);

impl Millis {
    pub(crate) const ZERO: Self = Self(0);
    pub(crate) const MAX: Self = Self(u32::MAX);

    /// Rounds up, so that a limit is never shorter than it was set.
    pub(crate) fn new(time: Duration) -> Self {
        let millis = time.as_nanos().div_ceil(1_000_000);
        Self(u32::try_from(millis).unwrap_or(u32::MAX))
    }

    pub(crate) const fn get(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

/// Returns whole milliseconds as databases take them, from 1 to 2147483647, rounded up. A 0 would
/// mean to a database that there is no limit, and databases cut off fractions.
#[cfg(any(test, feature = "postgres", feature = "postgres-sync"))]
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(ms)
        .unwrap_or(u64::MAX)
        .clamp(1, 2_147_483_647)
}

/// Returns the whole microseconds of a duration, and the largest number if there are more.
#[inline]
pub(crate) fn micros(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000_000);
    whole.saturating_add(time.subsec_micros().into())
}

/// Returns the milliseconds from `start` to `now`; 0 if `now` is earlier.
pub(crate) fn millis_between(start: Instant, now: Instant) -> u64 {
    let elapsed = now.saturating_duration_since(start);
    elapsed.as_secs() * 1000 + u64::from(elapsed.subsec_millis())
}

/// Returns the output of `work`, or `None` if the work takes longer than `limit`. A `limit` of
/// `None` means that the work may take any time.
pub(crate) async fn within<F: Future>(limit: Option<Duration>, work: F) -> Option<F::Output> {
    match limit {
        Some(limit) => timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_never_becomes_unlimited() {
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::from_micros(400)), 1);
        assert_eq!(milliseconds(Duration::from_secs(2)), 2000);
        assert_eq!(milliseconds(Duration::MAX), 2_147_483_647);
    }
}
