//! The defaults of calls that run without a [`Db`](crate::Db).

use std::sync::OnceLock;
use std::time::Duration;

use super::defaults::{CallSettings, Defaults, SessionLimits};
use crate::error::{Error, ErrorKind, Result};
use crate::op::{Overrides, RetryPolicy};

/// How long a call on a `sqlx::Pool` of the application's own waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the defaults of calls on a pool or connection that does not belong to a
/// [`Db`](crate::Db). All such calls of the process share them.
pub(crate) fn defaults_without_db() -> &'static Defaults {
    WITHOUT_DB.get_or_init(|| ProcessDefaults::default().into_defaults())
}

static WITHOUT_DB: OnceLock<Defaults> = OnceLock::new();

/// Returns a builder for the defaults of this process.
///
/// They hold for operations that run without a [`Db`](crate::Db): operations without a session
/// parameter, functions under [`guarded`](macro@crate::guarded), and calls on a `sqlx::Pool` or a connection of the application's own. They can be
/// [set](ProcessDefaults::set) once, before the first such call.
///
/// ```
/// use std::time::Duration;
///
/// fn main() -> dbop::Result<()> {
///     dbop::defaults().timeout(Duration::from_secs(60)).set()?;
///     Ok(())
/// }
/// ```
pub fn defaults() -> ProcessDefaults {
    ProcessDefaults::default()
}

/// The defaults of the process for operations that run without a [`Db`](crate::Db), from
/// [`defaults`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing changes until `set`"]
pub struct ProcessDefaults {
    timeout: Option<Duration>,
    retry: Option<RetryPolicy>,
    /// What the environment says about single operations.
    pub(crate) overrides: Overrides,
}

impl ProcessDefaults {
    /// Sets how long a call may take, retries included, if its operation names no `timeout`.
    ///
    /// If this is not set, a call on a `sqlx::Pool` may take 30 s. A call that gets no session from
    /// dbop, because its operation has no session parameter or because it was given a connection,
    /// then has no deadline. A call of a function under [`guarded`](macro@crate::guarded) may take 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how calls are retried if their operation has no option `retry`, and the parts that an option
    /// `retry(..)` leaves out. [`RetryPolicy::DEFAULT`] if this is not set.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Makes these the defaults of the process.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the defaults were set before, or if a call has already used them:
    /// the calls of one process would otherwise have different defaults.
    pub fn set(self) -> Result<()> {
        WITHOUT_DB.set(self.into_defaults()).map_err(|_| {
            Error::programming(
                ErrorKind::Configuration,
                "the defaults of the process were set before, or a call has already used them; set \
                 them once, at the beginning of `main`",
            )
        })
    }

    fn into_defaults(self) -> Defaults {
        let mut settings = CallSettings::default();
        if let Some(timeout) = self.timeout {
            settings.timeout = timeout;
        }
        if let Some(policy) = self.retry {
            settings.retry = policy;
        }
        settings.breaker = None;
        settings.overrides = self.overrides;
        Defaults {
            timeout_without_session: self.timeout,
            running: None,
            ..Defaults::new(&settings, ACQUIRE_TIMEOUT, SessionLimits::Foreign)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Guard, Override};
    use crate::policy::defaults_of_service;

    /// No other unit test makes a call.
    #[test]
    fn the_defaults_of_the_process_are_set_once() {
        let minute = Duration::from_secs(60);
        let mut ours = defaults().timeout(minute);
        ours.overrides = Overrides::new(vec![Override::of("ASK".to_owned())]);
        ours.set().expect("nobody has used them");
        // The calls of services have them as well.
        let guard = Guard {
            breaker: Some("a test of defaults"),
            attempt_timeout: None,
        };
        let service = defaults_of_service(&guard);
        assert_eq!(service.timeout, minute);
        assert!(service.overrides.of("ask").is_some());
        assert_eq!(defaults_without_db().timeout, minute);
        assert_eq!(defaults_without_db().timeout_without_session, Some(minute));
        let error = defaults().set().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`main`"), "{error}");
    }
}
