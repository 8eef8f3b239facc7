//! [`Settings`]: all settings of a [`Db`](crate::Db).

use std::time::Duration;

use crate::backend::SessionSettings;
use crate::policy::{CallSettings, Defaults, SessionLimits};
use crate::pool::PoolSettings;
use crate::rt::FOREVER;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) pool: PoolSettings,
    pub(crate) session: SessionSettings,
    pub(crate) calls: CallSettings,
    pub(crate) close_timeout: Duration,
    /// Whether the application wants routes that show the state of the database.
    pub(crate) monitoring: bool,
    /// Whether a `TwoWayDb` takes its async half.
    pub(crate) async_enabled: bool,
    /// The name of the pools in metrics; `None` if they are called by their place.
    #[cfg(feature = "metrics")]
    pub(crate) pool_name: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool: PoolSettings::default(),
            session: SessionSettings::default(),
            calls: CallSettings::default(),
            close_timeout: Duration::from_secs(30),
            monitoring: true,
            async_enabled: true,
            #[cfg(feature = "metrics")]
            pool_name: None,
        }
    }
}

impl Settings {
    /// Returns the defaults of calls on a database with these settings.
    pub(crate) fn defaults(&self) -> Defaults {
        let sessions = SessionLimits::Opened {
            statement_timeout: self.session.statement_timeout,
        };
        Defaults::new(&self.calls, self.pool.acquire_timeout(), sessions)
    }

    /// Returns the defaults of calls on pools of the application's, which make a call wait for
    /// `acquire_timeout` unless these settings say otherwise.
    pub(crate) fn defaults_of_adopted(&self, acquire_timeout: Duration) -> Defaults {
        let sessions = SessionLimits::PerTransaction {
            statement_timeout: self.session.statement_timeout,
            idle_in_transaction_timeout: self.session.idle_in_transaction_timeout,
        };
        let acquire_timeout = self.pool.acquire_timeout.unwrap_or(acquire_timeout);
        Defaults::new(&self.calls, acquire_timeout.min(FOREVER), sessions)
    }
}
