//! Times as River writes them.

use std::time::SystemTime;

use riverqueue::jiff::Timestamp;
#[cfg(feature = "sqlite")]
use riverqueue::jiff::{RoundMode, TimestampRound, Unit};

/// Returns the time in milliseconds since 1970.
pub(in crate::jobs) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Returns the time as River writes it.
pub(in crate::jobs) fn now_text() -> String {
    Timestamp::now().to_string()
}

/// Reads a time that River has written.
pub(in crate::jobs) fn time_of_text(text: &str) -> Option<SystemTime> {
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

/// Returns a time in the format of River's columns.
#[cfg(feature = "sqlite")]
pub(super) fn on_sqlite(time: Timestamp) -> String {
    let round = TimestampRound::new()
        .smallest(Unit::Millisecond)
        .mode(RoundMode::HalfCeil);
    let rounded = time.round(round).unwrap_or(time);
    rounded.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}
