//! A circuit breaker: while a server is down, calls are refused at once instead of waiting for it
//! one by one, and a few are let through from time to time to see whether it is back.
//!
//! It is a state machine of its own because a place in it has to come back however a call ends: the
//! crates that exist wrap a closure and know success and failure, not an error that says nothing
//! about the server, nor a caller that goes away.

mod window;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Category, Class, Error, Kind, Retry};
use window::Window;

/// When the circuit breaker of a [`Db`](crate::Db) opens, and for how long.
///
/// It counts whether the server can be reached and answers: new connections that are refused, get no
/// answer, or are lost before their first answer; and answers to `BEGIN` and `COMMIT` that take longer
/// than `slow`. A connection that is lost later does not count: whatever ended the connection, a
/// failover or a firewall or an administrator, the server may be there. What a server that works says
/// (constraints, conflicts, the application's own errors) never opens the circuit, nor does a pool
/// whose connections are all held by callers of this process.
///
/// It is asked before anything else, by outermost calls only, and before each of their attempts.
/// While it is open, they fail at once with [`Kind::CircuitOpen`], which says for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker {
    /// How far back outcomes count.
    pub window: Duration,
    /// It opens when this share of the outcomes are failures ..
    pub failure_share: f64,
    /// .. and there are at least so many outcomes.
    pub min_outcomes: u32,
    /// It also opens after so many refused connections without a success between them.
    pub refusals: u32,
    /// An answer to `BEGIN` or `COMMIT` that takes as long counts as a failure, and so does a wait
    /// for a connection that ends without one.
    pub slow: Duration,
    /// How long it is open the first time; twice as long each time that the server is not back.
    /// Both times are drawn up to a fifth shorter or longer, so that not all processes come back at
    /// the same moment.
    pub open: Duration,
    /// The most that it is open.
    pub open_cap: Duration,
    /// After that, so many calls at a time are let through, and others when these have found out
    /// nothing for as long as `open`; it closes when as many have succeeded, and opens again when
    /// one fails. At least 1.
    pub probes: u32,
}

impl Breaker {
    /// Half of at least 20 outcomes in 10 s, or 5 refusals in a row; slow is 1 s; open for 5 s, at
    /// most 30 s; 3 probes.
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
}

impl Default for Breaker {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The breaker of one database.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: Breaker,
    inner: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    state: CircuitState,
    /// Counts the transitions: what was let through before one says nothing about what came after.
    era: u64,
}

#[derive(Debug)]
enum CircuitState {
    Closed {
        window: Window,
        refusals: u32,
    },
    Open {
        until: Instant,
        /// How often it has been opened since it was closed.
        times: u32,
    },
    HalfOpen {
        /// Probes that have not ended.
        out: u32,
        succeeded: u32,
        times: u32,
        /// When the last of them was let through.
        last: Instant,
    },
}

/// How the server failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It gave no connection.
    Refused,
    /// Its answer took too long.
    Slow,
}

impl Circuit {
    pub(crate) fn new(settings: Breaker) -> Arc<Self> {
        Arc::new(Self {
            settings,
            inner: Mutex::new(Current {
                state: CircuitState::closed(),
                era: 0,
            }),
        })
    }

    /// Lets one attempt through, or says why not.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Pass, Error> {
        let mut inner = self.lock();
        if !matches!(inner.state, CircuitState::Closed { .. }) {
            self.probe(&mut inner)?;
        }
        Ok(Pass {
            circuit: Arc::clone(self),
            era: inner.era,
            spent: false,
        })
    }

    /// Lets one attempt through a circuit that is not closed, or says why not.
    fn probe(&self, inner: &mut Current) -> Result<(), Error> {
        let now = Instant::now();
        match &mut inner.state {
            CircuitState::Closed { .. } => {}
            CircuitState::Open { until, .. } if now < *until => {
                return Err(open(Some(*until - now)));
            }
            CircuitState::Open { times, .. } => {
                let state = CircuitState::half_open(*times, now);
                inner.enter(state);
            }
            CircuitState::HalfOpen { out, last, .. } if *out < self.settings.probes() => {
                *out += 1;
                *last = now;
            }
            // They work for long, or nobody polls them: others may find out.
            CircuitState::HalfOpen { last, times, .. } if now - *last >= self.settings.open => {
                let state = CircuitState::half_open(*times, now);
                inner.enter(state);
            }
            CircuitState::HalfOpen { .. } => return Err(open(None)),
        }
        Ok(())
    }

    /// Whether an attempt would be refused now.
    pub(crate) fn is_open(&self) -> bool {
        match self.lock().state {
            CircuitState::Closed { .. } => false,
            CircuitState::Open { until, .. } => Instant::now() < until,
            CircuitState::HalfOpen { out, last, .. } => {
                out >= self.settings.probes() && last.elapsed() < self.settings.open
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one attempt that was let through in `era` has found; `None`: nothing.
    fn record(&self, era: u64, found: Option<Result<(), Fault>>, spent: bool) {
        let mut inner = self.lock();
        if inner.era != era {
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
                (many || *refusals >= settings.refusals.max(1)).then(|| settings.open_again(0))
            }
            CircuitState::Open { .. } => None,
            CircuitState::HalfOpen {
                out,
                succeeded,
                times,
                ..
            } => {
                *out -= u32::from(!spent);
                match found {
                    Some(Err(_)) => Some(settings.open_again(*times + 1)),
                    Some(Ok(())) if *succeeded + 1 >= settings.probes() => {
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
            inner.enter(next);
        }
    }
}

impl Breaker {
    fn probes(&self) -> u32 {
        self.probes.max(1)
    }

    fn open_again(&self, times: u32) -> CircuitState {
        let doubled = self.open.saturating_mul(2_u32.saturating_pow(times));
        let jitter = 0.8 + 0.4 * fastrand::f64();
        let most = self.open_cap.min(crate::rt::FOREVER);
        let length = doubled.min(most).mul_f64(jitter);
        tracing::warn!(
            dbop.open_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
            "the database cannot be reached: its circuit breaker opens"
        );
        let until = Instant::now() + length;
        CircuitState::Open { until, times }
    }
}

impl CircuitState {
    fn closed() -> Self {
        Self::Closed {
            window: Window::default(),
            refusals: 0,
        }
    }

    /// The first probe is let through.
    fn half_open(times: u32, now: Instant) -> Self {
        Self::HalfOpen {
            out: 1,
            succeeded: 0,
            times,
            last: now,
        }
    }
}

impl Current {
    fn enter(&mut self, state: CircuitState) {
        if let CircuitState::Closed { .. } = state {
            tracing::info!("the database can be reached again: its circuit breaker closes");
        }
        self.state = state;
        self.era += 1;
    }
}

/// One attempt that was let through. Dropped without a word, it has found out nothing.
pub(crate) struct Pass {
    circuit: Arc<Circuit>,
    era: u64,
    /// It has found something.
    spent: bool,
}

impl Pass {
    /// Whether it is the attempt's still to tell how the server is.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent
    }

    /// The server has answered.
    pub(crate) fn succeeded(&mut self) {
        if !self.spent {
            self.circuit.record(self.era, Some(Ok(())), false);
            self.spent = true;
        }
    }

    /// The server has answered after so long.
    pub(crate) fn answered_in(&mut self, took: Duration) {
        if took < self.circuit.settings.slow {
            self.succeeded();
        } else {
            self.failed(Fault::Slow);
        }
    }

    /// The server has not answered for so long: nothing is known yet if that is short.
    pub(crate) fn unanswered_for(&mut self, waited: Duration) {
        if waited >= self.circuit.settings.slow {
            self.failed(Fault::Slow);
        }
    }

    /// The server has failed; also after it had answered before.
    pub(crate) fn failed(&mut self, failure: Fault) {
        self.circuit
            .record(self.era, Some(Err(failure)), self.spent);
        self.spent = true;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.spent {
            self.circuit.record(self.era, None, false);
        }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("spent", &self.spent).finish()
    }
}

fn open(left: Option<Duration>) -> Error {
    let class = Class {
        category: Category::Resource,
        kind: Kind::CircuitOpen,
        retry: Retry::Always,
    };
    let when = match left {
        Some(left) => format!("it will be tried again in {:.1} s", left.as_secs_f64()),
        None => "other calls are trying it right now".to_owned(),
    };
    Error::new(
        class,
        format!("the database could not be reached, so this was not tried; {when}"),
    )
}

#[cfg(test)]
mod tests;
