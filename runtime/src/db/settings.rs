//! [`Settings`]: all settings of a [`Db`](crate::Db), and how they are read from the environment.

use std::ffi::OsString;
use std::time::Duration;

use crate::backend::SessionSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{CallSettings, Defaults, SessionLimits};
use crate::pool::{MOST_CONNECTIONS, PoolSettings};
use crate::rt::FOREVER;

/// The variables that are about the pool itself, and not about the calls that use it.
const OF_POOL: [&str; 4] = [
    "DATABASE_POOL_SIZE",
    "DATABASE_MAX_OVERFLOW",
    "DATABASE_POOL_RECYCLE",
    "DATABASE_ECHO",
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) pool: PoolSettings,
    pub(crate) session: SessionSettings,
    pub(crate) calls: CallSettings,
    pub(crate) close_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool: PoolSettings::default(),
            session: SessionSettings::default(),
            calls: CallSettings::default(),
            close_timeout: Duration::from_secs(30),
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

    /// Takes the settings that the environment contains, and returns the URL, if there is
    /// one, and the variables that are about the pool itself.
    ///
    /// # Errors
    ///
    /// Names every variable whose value is not valid.
    pub(crate) fn read_env(
        &mut self,
        get: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Option<String>, Vec<&'static str>)> {
        let mut faults = Vec::new();
        let mut read = |name: &str, valid: &str, set: &mut dyn FnMut(&str) -> Option<()>| {
            let Some(value) = get(name) else { return };
            match value.to_str() {
                Some(value) if set(value.trim()).is_some() => {}
                Some(value) => faults.push(format!("{name} is `{value}`; valid: {valid}")),
                // The value is not shown, because a URL contains a password.
                None => faults.push(format!("{name} is not UTF-8; valid: {valid}")),
            }
        };
        let mut url = None;
        read(
            "DATABASE_URL",
            "a URL, in which such a byte is written like `%FF`",
            &mut |v| {
                url = Some(v.to_owned());
                Some(())
            },
        );
        let seconds = "seconds, above 0 and up to 2147483, like `30` or `0.5`";
        let (mut kept, mut additional) = (None, None);
        let count = format!("a whole number, from 1 to {MOST_CONNECTIONS}");
        read("DATABASE_POOL_SIZE", &count, &mut |v| {
            let number = v.parse().ok();
            kept = Some(number.filter(|n| (1..=MOST_CONNECTIONS).contains(n))?);
            Some(())
        });
        let most = MOST_CONNECTIONS - kept.unwrap_or(1);
        let count = format!(
            "a whole number, up to {most}, so that it is at most {MOST_CONNECTIONS} together with \
             DATABASE_POOL_SIZE"
        );
        read("DATABASE_MAX_OVERFLOW", &count, &mut |v| {
            additional = Some(v.parse().ok().filter(|n| *n <= most)?);
            Some(())
        });
        read("DATABASE_POOL_TIMEOUT", seconds, &mut |v| {
            self.pool.acquire_timeout = Some(parse_seconds(v)?);
            Some(())
        });
        read("DATABASE_POOL_RECYCLE", seconds, &mut |v| {
            self.pool.max_lifetime = parse_seconds(v)?;
            Some(())
        });
        read("DATABASE_STATEMENT_TIMEOUT", seconds, &mut |v| {
            self.session.statement_timeout = parse_seconds(v)?;
            Some(())
        });
        read("DATABASE_ECHO", "`true`, `false`, `1` or `0`", &mut |v| {
            self.session.log_statements = match v.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => return None,
            };
            Some(())
        });
        self.pool.keep_and_add(kept, additional);
        if faults.is_empty() {
            let mut of_pool = OF_POOL.to_vec();
            of_pool.retain(|name| get(name).is_some());
            return Ok((url, of_pool));
        }
        Err(Error::programming(
            ErrorKind::Configuration,
            faults.join("; "),
        ))
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
            "from 1 to 262143",
            "DATABASE_ECHO is `loud`",
            "`true`",
            "DATABASE_POOL_TIMEOUT is `-1`",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(settings.pool.max_connections, 15);
    }

    #[test]
    fn more_connections_than_a_pool_can_have_are_refused_by_the_name_of_the_variable() {
        let read = |size: &'static str, overflow: &'static str| {
            let mut settings = Settings::default();
            let read = settings.read_env(|name| match name {
                "DATABASE_POOL_SIZE" => Some(size.into()),
                "DATABASE_MAX_OVERFLOW" => Some(overflow.into()),
                _ => None,
            });
            read.map(|_| settings.pool.max_connections)
        };
        assert_eq!(read("262143", "0").unwrap(), 262_143);
        assert_eq!(read("62143", "200000").unwrap(), 262_143);
        for (size, overflow, parts) in [
            (
                "4294967295",
                "0",
                ["DATABASE_POOL_SIZE is `4294967295`", "1 to 262143"],
            ),
            (
                "262144",
                "0",
                ["DATABASE_POOL_SIZE is `262144`", "1 to 262143"],
            ),
            ("262140", "4", ["DATABASE_MAX_OVERFLOW is `4`", "up to 3"]),
            (
                "1",
                "4294967295",
                ["DATABASE_MAX_OVERFLOW is `4294967295`", "up to 262142"],
            ),
        ] {
            let error = read(size, overflow).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_a_bad_value_and_is_not_shown() {
        use std::os::unix::ffi::OsStringExt;

        for name in [
            "DATABASE_URL",
            "DATABASE_POOL_SIZE",
            "DATABASE_MAX_OVERFLOW",
            "DATABASE_POOL_TIMEOUT",
            "DATABASE_POOL_RECYCLE",
            "DATABASE_STATEMENT_TIMEOUT",
            "DATABASE_ECHO",
        ] {
            let bad = |asked: &str| {
                (asked == name).then(|| OsString::from_vec(b"postgres://u:h0rse\xff@h/db".to_vec()))
            };
            let error = Settings::default().read_env(bad).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let text = error.to_string();
            assert!(
                text.contains(&format!("{name} is not UTF-8; valid: ")),
                "{text}"
            );
            assert!(!text.contains("h0rse"), "{text}");
        }
    }

    #[test]
    fn variables_about_the_pool_itself_are_told_from_those_about_calls() {
        let mut settings = Settings::default();
        let of_pool = settings.read_env(|name| match name {
            "DATABASE_POOL_SIZE" => Some("3".into()),
            "DATABASE_POOL_TIMEOUT" | "DATABASE_STATEMENT_TIMEOUT" => Some("2".into()),
            "DATABASE_ECHO" => Some("true".into()),
            _ => None,
        });
        assert_eq!(of_pool.unwrap().1, ["DATABASE_POOL_SIZE", "DATABASE_ECHO"]);
        assert_eq!(settings.pool.acquire_timeout(), Duration::from_secs(2));
    }
}
