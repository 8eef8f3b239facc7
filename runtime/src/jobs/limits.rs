//! The options `concurrency` and `rate`.

use std::fmt::Display;
use std::time::Duration;

/// The option `concurrency`: how many jobs of a key may run at once, on all machines together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrency {
    pub(super) limit: u32,
    pub(super) key: Option<String>,
}

impl Concurrency {
    /// A limit for the jobs of this key.
    #[must_use]
    pub fn new(limit: u32, key: String) -> Self {
        Self {
            limit: limit.max(1),
            key: Some(key),
        }
    }

    /// A limit for all jobs of the kind together.
    #[must_use]
    pub fn of_kind(limit: u32) -> Self {
        Self {
            limit: limit.max(1),
            key: None,
        }
    }
}

/// The option `rate`: how many jobs of a key may begin in a time, on all machines together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How far apart the jobs begin, once the first `limit` have begun.
    pub(super) interval: Duration,
    /// How much earlier than that they may begin together.
    pub(super) burst: Duration,
    pub(super) key: Option<String>,
}

impl Rate {
    /// So many jobs of this key in so many milliseconds.
    #[must_use]
    pub fn new(limit: u32, per_ms: u64, key: String) -> Self {
        Self {
            key: Some(key),
            ..Self::of_kind(limit, per_ms)
        }
    }

    /// So many jobs of the kind in so many milliseconds.
    #[must_use]
    pub fn of_kind(limit: u32, per_ms: u64) -> Self {
        let per = Duration::from_millis(per_ms.max(1));
        let interval = per / limit.max(1);
        Self {
            interval,
            burst: per - interval,
            key: None,
        }
    }
}

/// Returns the value of the option `key` as text.
pub fn limit_key(key: &impl Display) -> String {
    key.to_string()
}

/// The name under which a limit is counted.
pub(super) fn counted_as(kind: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{kind}/{key}"),
        None => kind.to_owned(),
    }
}
