//! Time and tasks: what the rest of the crate needs from tokio.

mod background;
mod cutoff;
mod duration;
mod lock;
mod moment;
mod periodic;
mod time;
mod timer;
mod uninterrupted;
mod watch;

pub(crate) use background::{background, here_or_background};
pub(crate) use cutoff::Cutoff;
pub(crate) use duration::{VALID_DURATIONS, duration_text, parse_duration};
pub(crate) use lock::lock;
pub(crate) use moment::Moment;
pub(crate) use periodic::Periodic;
#[cfg(any(test, feature = "postgres", feature = "postgres-sync"))]
pub(crate) use time::milliseconds;
pub(crate) use time::{FOREVER, Millis, micros, millis_between, within};
pub(crate) use timer::{Late, Timer};
pub(crate) use uninterrupted::Uninterrupted;
pub(crate) use watch::{Watched, watch};
