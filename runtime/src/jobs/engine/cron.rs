//! Schedules in cron's five fields, with time zones.

use riverqueue::jiff::Timestamp;
use riverqueue::{CronSchedule, PeriodicSchedule};

use super::super::options::Cron;
use super::time::now_ms;
use crate::error::{Error, ErrorKind, Result};

/// Checks that a schedule can be read, and that it comes again.
pub(in crate::jobs) fn validate(kind: &str, cron: Cron) -> Result<()> {
    next_after(kind, cron, now_ms()).map(drop)
}

/// Returns when a schedule is due after a time, both in milliseconds since 1970.
pub(in crate::jobs) fn next_after(kind: &str, cron: Cron, after: i64) -> Result<i64> {
    let wrong = |why: String| {
        let Cron { fields, time_zone } = cron;
        let zone = time_zone.unwrap_or("UTC");
        let text = format!(
            "the schedule `{fields}` ({zone}) of the job `{kind}` is not valid: {why}; write five fields \
             such as `0 3 * * *`, and a time zone such as `Europe/Berlin`"
        );
        Error::programming(ErrorKind::Configuration, text)
    };
    let zone = cron.time_zone.unwrap_or("UTC");
    let schedule: CronSchedule = format!("CRON_TZ={zone} {}", cron.fields)
        .parse()
        .map_err(|error: riverqueue::CronScheduleParseError| wrong(error.to_string()))?;
    let after = Timestamp::from_millisecond(after).map_err(|error| wrong(error.to_string()))?;
    let next = schedule.next(after);
    let next = next.ok_or_else(|| wrong("no such day ever comes".to_owned()))?;
    Ok(next.as_millisecond())
}
