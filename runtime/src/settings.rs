//! [`Settings`]: everything about a [`Db`](crate::Db) that can be set, and how the environment
//! sets it.

use std::time::Duration;

use log::LevelFilter;

use crate::breaker::Breaker;
use crate::classify::Kind;
use crate::error::{Error, Result};
use crate::retry::Policy;

/// How long a connection may take over what it is asked for its own sake, where nothing is set.
pub(crate) const VALIDATION_TIMEOUT: Duration = Duration::from_secs(5);

/// What is reported when it takes longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A transaction between two statements.
    pub(crate) idle: Duration,
    /// One poll of a body.
    pub(crate) poll: Duration,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) pool_size: u32,
    pub(crate) max_overflow: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) recycle: Duration,
    pub(crate) validation_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) idle_in_transaction_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) retry: Policy,
    pub(crate) retry_budget: (f64, f64),
    pub(crate) breaker: Option<Breaker>,
    pub(crate) limits: Limits,
    pub(crate) echo: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool_size: 10,
            max_overflow: 0,
            acquire_timeout: Duration::from_secs(10),
            recycle: Duration::from_secs(30 * 60),
            validation_timeout: VALIDATION_TIMEOUT,
            close_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
            retry: Policy::DEFAULT,
            retry_budget: (0.2, 10.0),
            breaker: Some(Breaker::DEFAULT),
            limits: Limits {
                idle: Duration::from_secs(1),
                poll: Duration::from_millis(100),
            },
            echo: false,
        }
    }
}

impl Settings {
    /// Connections a pool may hold at once.
    pub(crate) fn connections(&self) -> u32 {
        self.pool_size.saturating_add(self.max_overflow)
    }

    pub(crate) fn statement_log_level(&self) -> LevelFilter {
        if self.echo {
            LevelFilter::Info
        } else {
            LevelFilter::Trace
        }
    }

    /// Sets what the environment names, and reports every value it cannot use.
    pub(crate) fn read_env(&mut self, get: impl Fn(&str) -> Option<String>) -> Result<()> {
        let mut faults = Vec::new();
        let mut read = |name: &str, valid: &str, set: &mut dyn FnMut(&str) -> Option<()>| {
            if let Some(value) = get(name)
                && set(value.trim()).is_none()
            {
                faults.push(format!("{name} is `{value}`; valid: {valid}"));
            }
        };
        let seconds = "seconds, above 0 and up to 2147483, like `30` or `0.5`";
        let count = "a whole number";
        read(
            "DATABASE_POOL_SIZE",
            "a whole number, at least 1",
            &mut |v| {
                self.pool_size = v.parse().ok().filter(|n| *n >= 1)?;
                Some(())
            },
        );
        read("DATABASE_MAX_OVERFLOW", count, &mut |v| {
            self.max_overflow = v.parse().ok()?;
            Some(())
        });
        read("DATABASE_POOL_TIMEOUT", seconds, &mut |v| {
            self.acquire_timeout = parse_seconds(v)?;
            Some(())
        });
        read("DATABASE_POOL_RECYCLE", seconds, &mut |v| {
            self.recycle = parse_seconds(v)?;
            Some(())
        });
        read("DATABASE_STATEMENT_TIMEOUT", seconds, &mut |v| {
            self.statement_timeout = parse_seconds(v)?;
            Some(())
        });
        read("DATABASE_ECHO", "`true`, `false`, `1` or `0`", &mut |v| {
            self.echo = match v.to_ascii_lowercase().as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return None,
            };
            Some(())
        });
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::programming(Kind::Configuration, faults.join("; ")))
    }
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    let most = f64::from(i32::MAX) / 1000.0;
    (seconds > 0.0 && seconds <= most).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_variable_is_named_with_its_value_and_what_is_valid() {
        let mut settings = Settings::default();
        let error = settings
            .read_env(|name| match name {
                "DATABASE_POOL_SIZE" => Some("0".into()),
                "DATABASE_ECHO" => Some("loud".into()),
                "DATABASE_POOL_TIMEOUT" => Some("-1".into()),
                "DATABASE_MAX_OVERFLOW" => Some("5".into()),
                _ => None,
            })
            .unwrap_err()
            .to_string();
        for part in [
            "DATABASE_POOL_SIZE is `0`",
            "at least 1",
            "DATABASE_ECHO is `loud`",
            "`true`",
            "DATABASE_POOL_TIMEOUT is `-1`",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(settings.max_overflow, 5);
    }
}
