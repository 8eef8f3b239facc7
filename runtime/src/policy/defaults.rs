//! [`Defaults`]: what a call does if its operation does not say.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::{Circuit, CircuitBreaker};
use super::budget::Budget;
use super::running::Running;
use crate::monitor::Monitor;
use crate::op::Overrides;
use crate::op::RetryPolicy;
use crate::rt::Periodic;

/// How often old markers of `once` operations are deleted.
const MARKER_CLEAN_UP: Duration = Duration::from_secs(60);

/// What a circuit breaker without a name is of, in messages.
const THE_DATABASE: &str = "the database";

/// The settings of the calls on one database.
#[derive(Clone, Debug)]
pub(crate) struct CallSettings {
    pub(crate) timeout: Duration,
    pub(crate) retry: RetryPolicy,
    /// How many retries of an outage each call, and each second, adds to the budget.
    pub(crate) retry_budget: (f64, f64),
    /// `None` if the circuit breaker is switched off.
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) limits: Limits,
    /// What the environment says about single operations.
    pub(crate) overrides: Overrides,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::DEFAULT,
            retry_budget: (0.2, 10.0),
            breaker: Some(CircuitBreaker::DEFAULT),
            limits: Limits::DEFAULT,
            overrides: Overrides::NONE,
        }
    }
}

/// Time limits beyond which a warning is logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest pause of a transaction between two statements.
    pub(crate) idle: Duration,
    /// The longest that one poll of a body may take.
    pub(crate) poll: Duration,
    /// The longest that a call may hold a connection.
    pub(crate) held: Duration,
    /// Whether a connection that is held for longer is taken back.
    pub(crate) reclaim: bool,
    /// How often one call may send one statement. 0 if as often as it likes.
    pub(crate) repeats: u32,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        idle: Duration::from_secs(1),
        poll: Duration::from_millis(100),
        held: Duration::from_secs(60),
        reclaim: false,
        repeats: 50,
    };
}

/// What limits the statements and the pauses of the sessions that calls get.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SessionLimits {
    /// dbop has opened the sessions, and they have had this limit of a statement from the start.
    Opened { statement_timeout: Duration },
    /// The application has opened the sessions, and each transaction is given these limits.
    PerTransaction {
        statement_timeout: Duration,
        idle_in_transaction_timeout: Duration,
    },
    /// The application has opened the sessions, and only the deadline of the call limits them.
    Foreign,
}

/// What a call takes from its database if its operation does not say, and what all calls on the
/// database share.
#[derive(Debug)]
pub(crate) struct Defaults {
    pub(crate) timeout: Duration,
    /// Like `timeout`, for a call that gets no session from dbop. `None` if it has no deadline.
    pub(crate) timeout_without_session: Option<Duration>,
    pub(crate) acquire_timeout: Duration,
    pub(crate) sessions: SessionLimits,
    pub(crate) retry: RetryPolicy,
    pub(crate) budget: Budget,
    /// Tells which call deletes old markers of `once` operations.
    pub(crate) marker_clean_up: Periodic,
    /// `None` if the circuit breaker is switched off, or if the calls have no database in common.
    pub(crate) circuit: Option<Arc<Circuit>>,
    /// `None` if the calls have no database in common, which could be shut down.
    pub(crate) running: Option<Arc<Running>>,
    pub(crate) limits: Limits,
    /// What the calls and the pools of the database report to.
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) overrides: Overrides,
}

impl Defaults {
    /// Creates the defaults of calls on one database.
    pub(crate) fn new(
        settings: &CallSettings,
        acquire_timeout: Duration,
        sessions: SessionLimits,
    ) -> Self {
        let (per_call, per_second) = settings.retry_budget;
        Self {
            timeout: settings.timeout,
            timeout_without_session: None,
            acquire_timeout,
            sessions,
            retry: settings.retry,
            budget: Budget::new(per_call, per_second),
            marker_clean_up: Periodic::new(MARKER_CLEAN_UP),
            circuit: settings
                .breaker
                .map(|breaker| Circuit::new(breaker, THE_DATABASE)),
            running: Some(Arc::default()),
            limits: settings.limits,
            monitor: Arc::new(Monitor::new(settings.limits.held)),
            overrides: settings.overrides.clone(),
        }
    }

    /// Returns the count of the calls that run, for the defaults of a handle.
    pub(crate) fn running_on_handle(&self) -> &Arc<Running> {
        let running = self.running.as_ref();
        running.expect("only the defaults of calls without a handle count no calls")
    }
}
