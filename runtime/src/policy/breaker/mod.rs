//! A circuit breaker: while a server is down, calls are refused at once instead of each waiting for
//! the server, and from time to time a few calls are let through to see whether the server is back.
//!
//! This is a state machine of dbop's own, because the place of a probe has to come back however its
//! call ends. Existing crates wrap a closure and know success and failure. They do not know an
//! error that says nothing about the server, or a caller that goes away.

mod window;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Category, Class, Error, ErrorKind, Retry};
use window::Window;

/// The settings of the circuit breaker of a [`Db`](crate::Db), or of [another service](crate::breaker):
/// when it opens, and for how long.
///
/// What follows is about the breaker of a `Db`. What the breaker of a service counts, the guide says on
/// the page [`guarded`](crate::guide::guarded).
///
/// The breaker counts whether the server can be reached and answers. Failures are new connections
/// that are refused, get no answer, or are lost before their first answer, and answers to `BEGIN`
/// and `COMMIT` that take `slow` or longer. A connection that is lost later does not count:
/// whatever ended it, a failover or a firewall or an administrator, the server may still work.
/// Errors that a working server reports (constraints, conflicts, the application's own errors)
/// never open the circuit. Neither does a pool whose connections are all held by callers of this
/// process.
///
/// Only outermost calls ask the breaker, before anything else and before each of their attempts.
/// While the circuit is open, they fail at once with [`ErrorKind::CircuitOpen`], whose message says when
/// the database will be tried again.
///
/// ```
/// use std::time::Duration;
///
/// use dbop::CircuitBreaker;
///
/// let breaker = CircuitBreaker::DEFAULT.open(Duration::from_secs(1)).probes(1);
/// assert_eq!(breaker.refusals, 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CircuitBreaker {
    /// How far back outcomes count. 10 s by default.
    pub window: Duration,
    /// The share of failures among the outcomes, from 0 to 1, at which the circuit opens, provided
    /// that there are `min_outcomes`. 0.5 by default.
    pub failure_share: f64,
    /// The number of outcomes below which `failure_share` does not apply. 20 by default.
    pub min_outcomes: u32,
    /// The circuit also opens after this many refused connections without a success between them. 0
    /// means 1. 5 by default.
    pub refusals: u32,
    /// An answer to `BEGIN` or `COMMIT` that takes this long or longer counts as a failure. So does
    /// a wait of that length that ends without a connection. 1 s by default.
    pub slow: Duration,
    /// How long the circuit is open the first time. The time doubles each time that the server
    /// turns out not to be back, up to `open_cap`. The resulting time is then made up to a fifth
    /// shorter or longer at random, so that not all processes come back at the same moment. 5 s by
    /// default.
    pub open: Duration,
    /// The longest time the circuit is open, before the random change. 30 s by default.
    pub open_cap: Duration,
    /// How many calls at a time are let through when the circuit has been open for its time. The
    /// circuit closes when as many of them have succeeded, and opens again when one fails. If they
    /// have found out nothing for as long as `open`, others are let through as well. 0 means 1. 3 by
    /// default.
    pub probes: u32,
}

impl CircuitBreaker {
    /// Opens after failures in half of at least 20 outcomes in 10 s, or after 5 refusals in a row.
    /// An answer is slow after 1 s. The circuit is open for 5 s at first, for 30 s at most, and
    /// then lets 3 probes through.
    pub const DEFAULT: Self = Self {
        window: Duration::from_secs(10),
        failure_share: 0.5,
        min_outcomes: 20,
        refusals: 5,
        slow: Duration::from_secs(1),
        open: Duration::from_secs(5),
        open_cap: Duration::from_secs(30),
        probes: 3,
    };

    /// Changes [`window`](Self::window).
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Changes [`failure_share`](Self::failure_share).
    #[must_use]
    pub const fn failure_share(mut self, failure_share: f64) -> Self {
        self.failure_share = failure_share;
        self
    }

    /// Changes [`min_outcomes`](Self::min_outcomes).
    #[must_use]
    pub const fn min_outcomes(mut self, min_outcomes: u32) -> Self {
        self.min_outcomes = min_outcomes;
        self
    }

    /// Changes [`refusals`](Self::refusals).
    #[must_use]
    pub const fn refusals(mut self, refusals: u32) -> Self {
        self.refusals = refusals;
        self
    }

    /// Changes [`slow`](Self::slow).
    #[must_use]
    pub const fn slow(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }

    /// Changes [`open`](Self::open).
    #[must_use]
    pub const fn open(mut self, open: Duration) -> Self {
        self.open = open;
        self
    }

    /// Changes [`open_cap`](Self::open_cap).
    #[must_use]
    pub const fn open_cap(mut self, open_cap: Duration) -> Self {
        self.open_cap = open_cap;
        self
    }

    /// Changes [`probes`](Self::probes).
    #[must_use]
    pub const fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The circuit breaker of one database, or of one service.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: CircuitBreaker,
    /// What cannot be reached, for messages: `the database`.
    of: Cow<'static, str>,
    inner: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    state: CircuitState,
    /// The number of transitions so far. An attempt that was let through in an earlier era says
    /// nothing about the present state.
    era: u64,
}

#[derive(Debug)]
enum CircuitState {
    Closed {
        window: Window,
        /// Refused connections since the last success.
        refusals: u32,
    },
    Open {
        until: Instant,
        /// How often the circuit has been opened again since it was last closed.
        times: u32,
    },
    HalfOpen {
        /// The number of probes that have neither found anything nor ended.
        out: u32,
        /// The number of probes that have succeeded.
        succeeded: u32,
        /// How often the circuit has been opened again since it was last closed.
        times: u32,
        /// When the last probe was let through.
        last: Instant,
        /// How often the probes have taken so long that others were let through as well.
        wave: u32,
    },
}

/// How the server failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server gave no connection.
    Refused,
    /// The server's answer took too long.
    Slow,
}

impl Circuit {
    pub(crate) fn new(settings: CircuitBreaker, of: impl Into<Cow<'static, str>>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            of: of.into(),
            inner: Mutex::new(Current {
                state: CircuitState::closed(),
                era: 0,
            }),
        })
    }

    /// Lets one attempt through.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`] if the circuit does not let it through.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Pass, Error> {
        let mut inner = self.lock();
        if !matches!(inner.state, CircuitState::Closed { .. }) {
            self.probe(&mut inner)?;
        }
        let wave = match inner.state {
            CircuitState::HalfOpen { wave, .. } => wave,
            CircuitState::Closed { .. } | CircuitState::Open { .. } => 0,
        };
        Ok(Pass {
            circuit: Arc::clone(self),
            era: inner.era,
            wave,
            spent: false,
        })
    }

    /// Lets one attempt through a circuit that is not closed, or fails with [`ErrorKind::CircuitOpen`].
    fn probe(&self, inner: &mut Current) -> Result<(), Error> {
        let now = Instant::now();
        match &mut inner.state {
            CircuitState::Closed { .. } => {}
            CircuitState::Open { until, .. } if now < *until => {
                return Err(self.refusal(Some(*until - now)));
            }
            CircuitState::Open { times, .. } => {
                let state = CircuitState::half_open(*times, now);
                self.enter(inner, state);
            }
            CircuitState::HalfOpen { out, last, .. } if *out < self.settings.probes_at_once() => {
                *out += 1;
                *last = now;
            }
            // The probes take long, or nobody polls them, so others may find out as well.
            CircuitState::HalfOpen {
                out, last, wave, ..
            } if now - *last >= self.settings.open => {
                *out = 1;
                *last = now;
                *wave += 1;
            }
            CircuitState::HalfOpen { .. } => return Err(self.refusal(None)),
        }
        Ok(())
    }

    /// Returns the state now: `closed`, `open` or `half_open`.
    pub(crate) fn state(&self) -> &'static str {
        match self.lock().state {
            CircuitState::Closed { .. } => "closed",
            CircuitState::Open { .. } => "open",
            CircuitState::HalfOpen { .. } => "half_open",
        }
    }

    /// Returns how long calls are refused from now on. `None` if the circuit is not open, or if the
    /// time has passed.
    pub(crate) fn open_for(&self) -> Option<Duration> {
        match self.lock().state {
            CircuitState::Open { until, .. } => until.checked_duration_since(Instant::now()),
            CircuitState::Closed { .. } | CircuitState::HalfOpen { .. } => None,
        }
    }

    /// Whether an attempt would be refused now.
    pub(crate) fn is_open(&self) -> bool {
        match self.lock().state {
            CircuitState::Closed { .. } => false,
            CircuitState::Open { until, .. } => Instant::now() < until,
            CircuitState::HalfOpen { out, last, .. } => {
                out >= self.settings.probes_at_once() && last.elapsed() < self.settings.open
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what an attempt that was let through has found. `None` if it ended without finding anything.
    fn record(&self, pass: &Pass, found: Option<Result<(), Fault>>) {
        let mut inner = self.lock();
        if inner.era != pass.era {
            return;
        }
        let settings = &self.settings;
        let next = match &mut inner.state {
            CircuitState::Closed { window, refusals } => {
                let Some(found) = found else { return };
                window.add(settings.window, found.is_ok());
                match found {
                    Ok(()) => *refusals = 0,
                    Err(Fault::Refused) => *refusals += 1,
                    Err(Fault::Slow) => {}
                }
                let (failed, all) = window.count();
                let share = f64::from(failed) >= f64::from(all) * settings.failure_share;
                let many = found.is_err() && all >= settings.min_outcomes && share;
                (many || *refusals >= settings.refusals.max(1)).then(|| self.open_again(0))
            }
            CircuitState::Open { .. } => None,
            CircuitState::HalfOpen {
                out,
                succeeded,
                times,
                wave,
                ..
            } => {
                // The place of a probe that took long was given to another one.
                *out -= u32::from(!pass.spent && pass.wave == *wave);
                match found {
                    Some(Err(_)) => Some(self.open_again(*times + 1)),
                    Some(Ok(())) if *succeeded + 1 >= settings.probes_at_once() => {
                        Some(CircuitState::closed())
                    }
                    Some(Ok(())) => {
                        *succeeded += 1;
                        None
                    }
                    None => None,
                }
            }
        };
        if let Some(next) = next {
            self.enter(&mut inner, next);
        }
    }

    fn open_again(&self, times: u32) -> CircuitState {
        let length = self.settings.open_time(times);
        tracing::warn!(
            dbop.open_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
            "{} cannot be reached: its circuit breaker opens",
            self.of
        );
        let until = Instant::now() + length;
        CircuitState::Open { until, times }
    }

    fn enter(&self, current: &mut Current, state: CircuitState) {
        if let CircuitState::Closed { .. } = state {
            tracing::info!(
                "{} can be reached again: its circuit breaker closes",
                self.of
            );
        }
        current.state = state;
        current.era += 1;
    }

    /// Makes the error for a refused attempt. `left` is the time until the circuit lets a probe
    /// through; `None` if probes are out already.
    fn refusal(&self, left: Option<Duration>) -> Error {
        let class = Class {
            category: Category::Resource,
            kind: ErrorKind::CircuitOpen,
            retry: Retry::Always,
        };
        let when = match left {
            Some(left) => format!("it will be tried again in {:.1} s", left.as_secs_f64()),
            None => "other calls are trying it right now".to_owned(),
        };
        let of = &self.of;
        Error::new(
            class,
            format!("{of} could not be reached, so this was not tried; {when}"),
        )
    }
}

impl CircuitBreaker {
    fn probes_at_once(&self) -> u32 {
        self.probes.max(1)
    }

    /// How long the circuit is open that has been opened again so many times.
    fn open_time(&self, times: u32) -> Duration {
        let doubled = self.open.saturating_mul(2_u32.saturating_pow(times));
        let jitter = 0.8 + 0.4 * fastrand::f64();
        let most = self.open_cap.min(crate::rt::FOREVER);
        doubled.min(most).mul_f64(jitter)
    }
}

impl CircuitState {
    fn closed() -> Self {
        Self::Closed {
            window: Window::default(),
            refusals: 0,
        }
    }

    /// Returns the state in which the first probe has just been let through.
    fn half_open(times: u32, now: Instant) -> Self {
        Self::HalfOpen {
            out: 1,
            succeeded: 0,
            times,
            last: now,
            wave: 0,
        }
    }
}

/// An attempt that was let through. If it is dropped before it has reported anything, it has found
/// out nothing about the server.
pub(crate) struct Pass {
    circuit: Arc<Circuit>,
    era: u64,
    /// See [`CircuitState::HalfOpen`].
    wave: u32,
    /// Whether the attempt has reported what it found.
    spent: bool,
}

impl Pass {
    /// Whether the attempt has already reported what it found.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Reports that the server has answered.
    pub(crate) fn succeeded(&mut self) {
        if !self.spent {
            self.circuit.record(self, Some(Ok(())));
            self.spent = true;
        }
    }

    /// Reports that the server has answered, and how long that took.
    pub(crate) fn answered_in(&mut self, took: Duration) {
        if took < self.circuit.settings.slow {
            self.succeeded();
        } else {
            self.failed(Fault::Slow);
        }
    }

    /// Reports how long the server has not answered. A wait shorter than `slow` says nothing.
    pub(crate) fn unanswered_for(&mut self, waited: Duration) {
        if waited >= self.circuit.settings.slow {
            self.failed(Fault::Slow);
        }
    }

    /// Reports that the server has failed. This counts even if the server had answered before.
    pub(crate) fn failed(&mut self, failure: Fault) {
        self.circuit.record(self, Some(Err(failure)));
        self.spent = true;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.spent {
            self.circuit.record(self, None);
        }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("spent", &self.spent).finish()
    }
}

#[cfg(test)]
mod tests;
