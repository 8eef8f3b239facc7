//! The defaults of calls that run without a [`Db`](crate::Db).

use std::sync::OnceLock;
use std::time::Duration;

use super::defaults::{CallSettings, Defaults};
use super::retry::Policy;
use crate::error::{Error, Kind, Result};

/// How long a call on a `sqlx::Pool` of the application's own waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The defaults of calls on a pool or connection that is not a [`Db`](crate::Db)'s. All such calls of
/// the process share them.
pub(crate) fn defaults_without_db() -> &'static Defaults {
    WITHOUT_DB.get_or_init(|| ProcessDefaults::default().into_defaults())
}

static WITHOUT_DB: OnceLock<Defaults> = OnceLock::new();

/// Defaults of this process for operations that run without a [`Db`](crate::Db): those without a session
/// parameter, and calls on a `sqlx::Pool` or a connection of the application's own. They are set once,
/// before the first such call.
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

/// See [`defaults`].
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "nothing changes until `set`"]
pub struct ProcessDefaults {
    timeout: Option<Duration>,
    retry: Option<Policy>,
}

impl ProcessDefaults {
    /// How long a call may take, retries included, if its operation names no `timeout`. Without this,
    /// a call on a `sqlx::Pool` may take 30 s, and a call that gets no session from dbop has no
    /// deadline: an operation without a session parameter, or one on a connection of its caller's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How calls are retried if the operation says nothing. [`Policy::DEFAULT`].
    pub fn retry(mut self, policy: Policy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Makes these the defaults of the process.
    ///
    /// # Errors
    ///
    /// [`Kind::Configuration`] if they were set before, or if a call has already used the defaults
    /// that hold otherwise: calls of one process would have different ones.
    pub fn set(self) -> Result<()> {
        WITHOUT_DB.set(self.into_defaults()).map_err(|_| {
            Error::programming(
                Kind::Configuration,
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
        Defaults {
            timeout_without_session: self.timeout,
            ..Defaults::new(&settings, ACQUIRE_TIMEOUT, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No other unit test makes a call.
    #[test]
    fn the_defaults_of_the_process_are_set_once() {
        let minute = Duration::from_secs(60);
        defaults()
            .timeout(minute)
            .set()
            .expect("nobody has used them");
        assert_eq!(defaults_without_db().timeout, minute);
        assert_eq!(defaults_without_db().timeout_without_session, Some(minute));
        let error = defaults().set().unwrap_err();
        assert_eq!(error.kind(), Kind::Configuration);
        assert!(error.to_string().contains("`main`"), "{error}");
    }
}
