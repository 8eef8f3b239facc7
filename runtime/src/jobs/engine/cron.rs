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
    if zone.is_empty() {
        return Err(wrong("the time zone has no name".to_owned()));
    }
    let schedule: CronSchedule = format!("CRON_TZ={zone} {}", cron.fields)
        .parse()
        .map_err(|error: riverqueue::CronScheduleParseError| wrong(error.to_string()))?;
    let after = Timestamp::from_millisecond(after).map_err(|error| wrong(error.to_string()))?;
    let next = schedule.next(after);
    let next = next.ok_or_else(|| wrong("no such day ever comes".to_owned()))?;
    Ok(next.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns when a schedule is due after a time, the given number of times.
    fn times(
        fields: &'static str,
        zone: Option<&'static str>,
        after: &str,
        count: usize,
    ) -> Vec<String> {
        let cron = Cron {
            fields,
            time_zone: zone,
        };
        let mut last: Timestamp = after.parse().expect("a time");
        let mut next = || {
            let ms = next_after("of_test", cron, last.as_millisecond()).expect(fields);
            last = Timestamp::from_millisecond(ms).expect("a time");
            last.to_string()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn a_schedule_without_a_time_zone_is_one_of_utc() {
        let times = times("0 3 * * *", None, "2026-03-28T12:00:00Z", 3);
        let days = [
            "2026-03-29T03:00:00Z",
            "2026-03-30T03:00:00Z",
            "2026-03-31T03:00:00Z",
        ];
        assert_eq!(times, days);
    }

    #[test]
    fn a_schedule_keeps_its_hour_when_the_clocks_change() {
        let berlin = Some("Europe/Berlin");
        let spring = times("0 3 * * *", berlin, "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]);
        let before = times("0 3 * * *", berlin, "2026-03-27T12:00:00Z", 1);
        assert_eq!(before, ["2026-03-28T02:00:00Z"]);
        let autumn = times("0 3 * * *", berlin, "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"]);
    }

    #[test]
    fn a_schedule_in_the_hour_that_is_left_out_or_comes_twice_is_due_on_each_of_the_other_days() {
        let berlin = Some("Europe/Berlin");
        let spring = times("30 2 * * *", berlin, "2026-03-27T12:00:00Z", 4);
        assert!(
            spring.contains(&"2026-03-28T01:30:00Z".to_owned()),
            "{spring:?}"
        );
        assert!(
            spring.contains(&"2026-03-30T00:30:00Z".to_owned()),
            "{spring:?}"
        );
        let autumn = times("30 2 * * *", berlin, "2026-10-23T12:00:00Z", 5);
        assert!(
            autumn.contains(&"2026-10-24T00:30:00Z".to_owned()),
            "{autumn:?}"
        );
        assert!(
            autumn.contains(&"2026-10-26T01:30:00Z".to_owned()),
            "{autumn:?}"
        );
        let of_day = autumn.iter().filter(|time| time.starts_with("2026-10-25"));
        assert!((1..=2).contains(&of_day.count()), "{autumn:?}");
    }

    #[test]
    fn times_come_in_their_order_and_never_stand_still() {
        for (fields, zone) in [
            ("* * * * *", None),
            ("*/7 * * * *", Some("Europe/Berlin")),
            ("0 0 29 2 *", Some("America/New_York")),
            ("0 12 * * 1-5", Some("Asia/Kolkata")),
        ] {
            let times = times(fields, zone, "2026-10-24T23:59:59.999Z", 15);
            assert!(times.is_sorted(), "{fields}: {times:?}");
            let mut once = times.clone();
            once.dedup();
            assert_eq!(once, times, "{fields}");
        }
    }

    #[test]
    fn a_schedule_that_is_not_valid_or_never_comes_is_an_error_that_shows_the_schedule() {
        for (fields, zone) in [
            ("61 * * * *", None),
            ("* * * *", None),
            ("0 0 30 2 *", None),
            ("0 0 * * *", Some("Europe/Nowhere")),
            ("words", None),
        ] {
            let cron = Cron {
                fields,
                time_zone: zone,
            };
            let error = validate("of_test", cron).expect_err(fields);
            assert!(
                error.to_string().contains(&format!("`{fields}`")),
                "{error}"
            );
            assert!(error.to_string().contains("`of_test`"), "{error}");
        }
    }
}
