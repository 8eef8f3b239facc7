//! [`Moment`]: an instant as one number.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

/// An instant, in nanoseconds since some instant before the process first asked for one. Calls note
/// many instants, and the time between two moments is a single subtraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// By the clock of the system, because a test may stop tokio's clock and move it on, and the clock of
/// the next test is behind it then.
static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();

/// The instants of the calls that run when the process asks first are not before the epoch.
fn epoch() -> std::time::Instant {
    const BEFORE: Duration = Duration::from_secs(60 * 60);
    let now = std::time::Instant::now();
    now.checked_sub(BEFORE).unwrap_or(now)
}

impl Moment {
    #[inline]
    pub(crate) fn of(instant: Instant) -> Self {
        let epoch = *EPOCH.get_or_init(epoch);
        let since = instant.into_std().saturating_duration_since(epoch);
        // The number is large enough for 584 years.
        let seconds = since.as_secs().wrapping_mul(1_000_000_000);
        Self(seconds.wrapping_add(since.subsec_nanos().into()))
    }

    #[inline]
    pub(crate) fn now() -> Self {
        Self::of(Instant::now())
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    #[inline]
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// Like [`since`](Self::since), in nanoseconds.
    #[inline]
    pub(crate) fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_between_two_moments_is_that_between_their_instants() {
        let earlier = Moment::now();
        let time = Duration::new(3, 999_999_999);
        tokio::time::advance(time).await;
        let later = Moment::now();
        assert_eq!(later.since(earlier), time);
        assert_eq!(earlier.since(later), Duration::ZERO);
        assert_eq!(Moment::from_number(later.number()), later);
    }
}
