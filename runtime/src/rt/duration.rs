//! Durations as people write them in the environment.

use std::time::Duration;

/// The units, with their length in milliseconds. The first four are those of the attributes' options.
const UNITS: [(&str, f64); 5] = [
    ("ms", 1.0),
    ("s", 1_000.0),
    ("m", 60_000.0),
    ("h", 3_600_000.0),
    ("min", 60_000.0),
];

/// The longest duration, which is also that of the attributes' options. PostgreSQL stores timeouts
/// in a signed 32-bit number of milliseconds.
const MOST_SECONDS: f64 = 2_147_483.647;

/// What [`parse_duration`] takes, for messages.
pub(crate) const VALID_DURATIONS: &str = "a time above 0 and up to 2147483s, such as `5s`, `250ms`, \
     `2min` or `1h`; a number without a unit is in seconds";

/// Reads a duration such as `5s`, `1.5s`, `250ms`, `2m`, `2min` or `1h`. A number without a unit is
/// in seconds. `None` if the text is no duration, or is 0 or too long.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let is_of_number = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
            let (number, unit) = text.split_at(text.find(|c| !is_of_number(c))?);
            let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
            // `f64` would also read `.5`, which the attributes do not take.
            let number = number.replace('_', "");
            let complete =
                number.starts_with(|c: char| c.is_ascii_digit()) && !number.ends_with('.');
            number.parse::<f64>().ok().filter(|_| complete)? * length / 1_000.0
        }
    };
    // A time may round to 0.
    let in_range = (0.0..=MOST_SECONDS).contains(&seconds);
    let duration = in_range.then(|| Duration::from_secs_f64(seconds));
    duration.filter(|duration| !duration.is_zero())
}

/// Writes a duration as documents do, such as `30 s` or `10 min`.
pub(crate) fn duration_text(duration: Duration) -> String {
    let ms = duration.as_millis();
    match (ms % 1_000, ms % 60_000) {
        (_, 0) if ms > 60_000 => format!("{} min", ms / 60_000),
        (0, _) => format!("{} s", ms / 1_000),
        _ => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_the_units_of_the_attributes_and_as_seconds_without_one() {
        for (text, millis) in [
            ("30", 30_000),
            ("0.5", 500),
            ("5s", 5_000),
            ("1.5s", 1_500),
            ("250ms", 250),
            ("1_000ms", 1_000),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1h", 3_600_000),
            ("2147483.647", 2_147_483_647),
            ("2147483647ms", 2_147_483_647),
        ] {
            let expected = Some(Duration::from_millis(millis));
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            "0",
            "0s",
            "0.0000001ms",
            "1e-10",
            "-0",
            "-1",
            "-1s",
            "soon",
            "5 s",
            "5sec",
            "5S",
            ".5s",
            "1.s",
            "1.2.3s",
            "nan",
            "inf",
            "2147484",
            "2147483648ms",
            "9999999h",
            "5€",
            "٥s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_with_the_unit_that_needs_no_fraction() {
        for (millis, text) in [
            (100, "100 ms"),
            (1_000, "1 s"),
            (60_000, "60 s"),
            (600_000, "10 min"),
            (1_500, "1500 ms"),
        ] {
            assert_eq!(duration_text(Duration::from_millis(millis)), text);
        }
    }
}
