//! [`JobOptions`]: how a job is enqueued and run, as the attribute says or a call.

use std::borrow::Cow;
use std::time::Duration;

use super::info::JobState;

/// How long an attempt may take, unless the option `timeout` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How a job is enqueued and run: the options of the attribute, which [`NewJob`](super::NewJob) can
/// change for one job.
#[derive(Clone, Debug)]
pub struct JobOptions {
    pub(super) queue: Cow<'static, str>,
    pub(super) priority: i16,
    pub(super) max_attempts: i32,
    pub(super) timeout: Duration,
    pub(super) delay: Option<Duration>,
    pub(super) unique: Option<Unique>,
    pub(super) backoff: Option<Backoff>,
    pub(super) idempotent: bool,
    pub(super) schedule: Option<Cron>,
    pub(super) discarded: Option<FollowUp>,
    pub(super) tags: Vec<String>,
}

/// A wait that doubles after each failed attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) base: Duration,
    pub(super) max: Duration,
}

/// A schedule in cron's five fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cron {
    pub(super) fields: &'static str,
    /// A name such as `Europe/Berlin`. `None` is UTC.
    pub(super) time_zone: Option<&'static str>,
}

/// The job that is enqueued when another is discarded.
#[derive(Clone, Copy, Debug)]
pub(super) struct FollowUp {
    pub(super) kind: &'static str,
    pub(super) options: fn() -> JobOptions,
}

impl JobOptions {
    /// Returns the defaults.
    #[must_use]
    #[allow(clippy::new_without_default)] // the attribute begins with this
    pub fn new() -> Self {
        Self {
            queue: Cow::Borrowed("default"),
            priority: 1,
            max_attempts: 25,
            timeout: TIMEOUT,
            delay: None,
            unique: None,
            backoff: None,
            idempotent: false,
            schedule: None,
            discarded: None,
            tags: Vec::new(),
        }
    }

    /// Sets the queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Sets the priority, from 1, which comes first, to 4.
    #[must_use]
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = priority.clamp(1, 4);
        self
    }

    /// Sets how often the job is attempted until it is discarded.
    #[must_use]
    pub fn max_attempts(mut self, attempts: i32) -> Self {
        self.max_attempts = attempts.clamp(1, i32::from(i16::MAX));
        self
    }

    /// Sets how long an attempt may take, in milliseconds.
    #[must_use]
    pub fn timeout_ms(mut self, milliseconds: u64) -> Self {
        self.timeout = Duration::from_millis(milliseconds);
        self
    }

    /// Sets how long the job waits before its first attempt, in milliseconds.
    #[must_use]
    pub fn delay_ms(mut self, milliseconds: u64) -> Self {
        self.delay = Some(Duration::from_millis(milliseconds));
        self
    }

    /// Lets there be one such job at a time.
    #[must_use]
    pub fn unique(mut self, unique: Unique) -> Self {
        self.unique = Some(unique);
        self
    }

    /// Sets the wait after the first failed attempt, which doubles after each further one, and the
    /// longest wait, both in milliseconds.
    #[must_use]
    pub fn backoff_ms(mut self, base: u64, max: u64) -> Self {
        self.backoff = Some(Backoff {
            base: Duration::from_millis(base),
            max: Duration::from_millis(max),
        });
        self
    }

    /// Says that the body does no harm if it runs again after its outcome was lost.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Enqueues the job again and again.
    #[must_use]
    pub fn schedule(mut self, cron: &'static str, time_zone: Option<&'static str>) -> Self {
        self.schedule = Some(Cron {
            fields: cron,
            time_zone,
        });
        self
    }

    /// Enqueues another job when this one is discarded.
    #[must_use]
    pub fn discarded(mut self, kind: &'static str, options: fn() -> Self) -> Self {
        self.discarded = Some(FollowUp { kind, options });
        self
    }

    /// Returns how long a job waits after an attempt has failed. `None` is as River waits: the fourth
    /// power of the number of failed attempts, in seconds.
    pub(super) fn backoff_after(&self, attempt: i32) -> Option<Duration> {
        let backoff = self.backoff?;
        let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(31);
        let wait = backoff.base.saturating_mul(1 << doublings).min(backoff.max);
        // Jobs that have failed together come back apart.
        Some(wait.mul_f64(0.9 + 0.2 * fastrand::f64()))
    }
}

/// Which jobs count as the same: those of one kind, and whatever else is set here.
///
/// While such a job is in one of the [states](Self::states), another one is not enqueued.
#[derive(Clone, Debug, Default)]
pub struct Unique {
    pub(super) arguments: Option<&'static [&'static str]>,
    pub(super) period: Option<Duration>,
    pub(super) queue: bool,
    pub(super) states: Option<&'static [JobState]>,
}

impl Unique {
    /// By the kind alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// By all arguments as well.
    #[must_use]
    pub fn all_arguments(self) -> Self {
        self.arguments(&[])
    }

    /// By these arguments as well.
    #[must_use]
    pub fn arguments(mut self, names: &'static [&'static str]) -> Self {
        self.arguments = Some(names);
        self
    }

    /// By the period in which the job is due as well, in milliseconds.
    #[must_use]
    pub fn period_ms(mut self, milliseconds: u64) -> Self {
        self.period = Some(Duration::from_millis(milliseconds));
        self
    }

    /// By the queue as well.
    #[must_use]
    pub fn queue(mut self) -> Self {
        self.queue = true;
        self
    }

    /// While the other job is in one of these states, instead of in any but cancelled and discarded.
    #[must_use]
    pub fn states(mut self, states: &'static [JobState]) -> Self {
        self.states = Some(states);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backoff_doubles_up_to_its_maximum_and_never_overflows() {
        let options = JobOptions::new().backoff_ms(1_000, 60_000);
        for (attempt, about) in [(1, 1.0), (2, 2.0), (3, 4.0), (7, 60.0), (32_767, 60.0)] {
            let wait = options.backoff_after(attempt).expect("set").as_secs_f64();
            assert!(
                (about * 0.89..=about * 1.11).contains(&wait),
                "{attempt}: {wait}"
            );
        }
        assert_eq!(JobOptions::new().backoff_after(3), None);
    }
}
