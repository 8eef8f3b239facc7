//! [`Latency`]: how long calls take, as percentiles, and the histogram behind them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use histogram::{AtomicHistogram, Bucket, Histogram};

use crate::rt::micros;

/// How long calls took. Each percentile is at most 3 % too high, and never too low.
///
/// All are zero if there was no call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// Half of the calls took no longer.
    pub p50: Duration,
    /// 95 % of the calls took no longer.
    pub p95: Duration,
    /// 99 % of the calls took no longer.
    pub p99: Duration,
    /// The longest call. This number is exact.
    pub max: Duration,
}

/// How long the calls of one operation took.
#[derive(Debug)]
pub(crate) struct Latencies {
    /// In microseconds.
    histogram: AtomicHistogram,
    /// In microseconds.
    max: AtomicU64,
}

/// A bucket is narrower than 1/32 of its values.
const GROUPING_POWER: u8 = 5;
/// The longest time that is told from longer ones is 2^36 µs, which is 19 hours.
const MAX_VALUE_POWER: u8 = 36;
const LONGEST: u64 = (1 << MAX_VALUE_POWER) - 1;

impl Latencies {
    pub(super) fn new() -> Self {
        let histogram = AtomicHistogram::new(GROUPING_POWER, MAX_VALUE_POWER);
        Self {
            histogram: histogram.expect("the two powers fit each other"),
            max: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn add(&self, took: Duration) {
        let micros = micros(took);
        let added = self.histogram.increment(micros.min(LONGEST));
        debug_assert!(added.is_ok());
        if micros > self.max.load(Relaxed) {
            self.max.fetch_max(micros, Relaxed);
        }
    }

    /// Returns the histogram as it is now, in microseconds.
    pub(crate) fn load(&self) -> Histogram {
        self.histogram.load()
    }

    pub(super) fn read(&self) -> Latency {
        let max = Duration::from_micros(self.max.load(Relaxed));
        Latency::of(&self.load(), max)
    }
}

impl Latency {
    /// Reads the percentiles of a histogram in microseconds. `max` bounds them, because a bucket
    /// reaches beyond the longest call in it.
    pub(crate) fn of(histogram: &Histogram, max: Duration) -> Self {
        let mut buckets: [Option<Bucket>; 3] = [None, None, None];
        let read = histogram.quantile_buckets_into(&[0.5, 0.95, 0.99], &mut buckets);
        debug_assert!(read.is_ok());
        let [p50, p95, p99] = buckets.map(|bucket| {
            bucket.map_or(Duration::ZERO, |b| Duration::from_micros(b.end()).min(max))
        });
        Self { p50, p95, p99, max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_at_most_three_percent_too_high_and_never_too_low() {
        let latencies = Latencies::new();
        assert_eq!(latencies.read(), Latency::default());
        for millis in 1..=1000 {
            latencies.add(Duration::from_millis(millis));
        }
        let read = latencies.read();
        for (percentile, exact) in [(read.p50, 500), (read.p95, 950), (read.p99, 990)] {
            let exact = Duration::from_millis(exact);
            assert!(percentile >= exact, "{percentile:?} of {exact:?}");
            assert!(
                percentile <= exact.mul_f64(1.03),
                "{percentile:?} of {exact:?}"
            );
        }
        assert_eq!(read.max, Duration::from_secs(1));
    }

    #[test]
    fn the_longest_of_all_times_is_counted() {
        let latencies = Latencies::new();
        latencies.add(Duration::MAX);
        assert_eq!(latencies.read().max, Duration::from_micros(u64::MAX));
        assert!(latencies.read().p50 > Duration::from_secs(19 * 3600));
    }
}
