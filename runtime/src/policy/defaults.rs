//! [`Defaults`]: what a call does where its operation says nothing.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::{Breaker, Circuit};
use super::budget::Budget;
use super::retry::Policy;
use crate::rt::Periodic;

/// How often old markers of `once` operations are deleted.
const MARKER_CLEAN_UP: Duration = Duration::from_secs(60);

/// What can be set about the calls on one database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSettings {
    pub(crate) timeout: Duration,
    pub(crate) retry: Policy,
    /// Retries of an outage for each call, and for each second.
    pub(crate) retry_budget: (f64, f64),
    pub(crate) breaker: Option<Breaker>,
    pub(crate) limits: Limits,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            retry: Policy::DEFAULT,
            retry_budget: (0.2, 10.0),
            breaker: Some(Breaker::DEFAULT),
            limits: Limits {
                idle: Duration::from_secs(1),
                poll: Duration::from_millis(100),
            },
        }
    }
}

/// What is reported when it takes longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A transaction between two statements.
    pub(crate) idle: Duration,
    /// One poll of a body.
    pub(crate) poll: Duration,
}

/// What a call takes from its database where the operation says nothing.
#[derive(Debug)]
pub(crate) struct Defaults {
    pub(crate) timeout: Duration,
    /// The same for a call that has no session of ours; `None`: it has no deadline.
    pub(crate) timeout_without_session: Option<Duration>,
    pub(crate) acquire_timeout: Duration,
    /// The sessions' own statement timeout, if dbop has set one.
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) retry: Policy,
    pub(crate) budget: Budget,
    /// When old markers of `once` operations are deleted.
    pub(crate) marker_clean_up: Periodic,
    /// `None`: switched off, or nothing that these calls would have in common.
    pub(crate) circuit: Option<Arc<Circuit>>,
    pub(crate) limits: Limits,
}

impl Defaults {
    /// The defaults of calls on one database.
    pub(crate) fn new(
        settings: &CallSettings,
        acquire_timeout: Duration,
        statement_timeout: Option<Duration>,
    ) -> Self {
        let (per_call, per_second) = settings.retry_budget;
        Self {
            timeout: settings.timeout,
            timeout_without_session: None,
            acquire_timeout,
            statement_timeout,
            retry: settings.retry,
            budget: Budget::new(per_call, per_second),
            marker_clean_up: Periodic::new(MARKER_CLEAN_UP),
            circuit: settings.breaker.map(Circuit::new),
            limits: settings.limits,
        }
    }
}
