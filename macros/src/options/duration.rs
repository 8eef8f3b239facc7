//! Durations as people write them: `"250ms"`, `"1.5s"`, `"2m"`.

/// The units, with their length in milliseconds.
const UNITS: [(&str, u128); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// The longest duration. PostgreSQL stores timeouts in a signed 32-bit number of milliseconds, in
/// which 0 means unlimited.
const MAX_MILLIS: u128 = i32::MAX as u128;

/// Returns whole milliseconds. `Err` is a message that says what is wrong and shows a valid
/// duration.
pub(crate) fn millis(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let Some(&(_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(bad_unit(text, number, unit));
    };
    let millis = times(number, length).ok_or_else(|| {
        format!("`{text}` is not a duration; write for example \"250ms\" or \"1.5s\"")
    })?;
    if !millis.exact {
        return Err(format!(
            "`{text}` is not a whole number of milliseconds; the finest duration is \"1ms\""
        ));
    }
    match u64::try_from(millis.value) {
        Ok(fits) if (1..=MAX_MILLIS).contains(&millis.value) => Ok(fits),
        _ => Err(format!(
            "`{text}` is outside the valid durations, \"1ms\" to \"{MAX_MILLIS}ms\" (about 24 days)"
        )),
    }
}

struct Millis {
    value: u128,
    exact: bool,
}

/// Multiplies `number` (digits with at most one point) by `length`, without the rounding of
/// floating point; `None` if `number` is not such a number or the product is too large.
fn times(number: &str, length: u128) -> Option<Millis> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let complete = !whole.is_empty() && !fraction.contains('.') && !number.ends_with('.');
    if !complete {
        return None;
    }
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let product = format!("{whole}{fraction}")
        .parse::<u128>()
        .ok()?
        .checked_mul(length)?;
    Some(Millis {
        value: product / scale,
        exact: product % scale == 0,
    })
}

fn bad_unit(text: &str, number: &str, unit: &str) -> String {
    if number.is_empty() {
        return format!("`{text}` is not a duration; write for example \"250ms\" or \"1.5s\"");
    }
    let units = crate::suggest::list(UNITS.iter().map(|(name, _)| *name));
    if unit.is_empty() {
        return format!(
            "the duration `{text}` has no unit; write for example \"{number}s\" (units: {units})"
        );
    }
    let word = unit.trim();
    if UNITS.iter().any(|(name, _)| *name == word) {
        return format!("`{text}` has a space in it; write \"{number}{word}\"");
    }
    format!("`{word}` is not a unit of time; the units are {units}, as in \"{number}s\"")
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("1ms", 1),
            ("10ms", 10),
            ("2s", 2_000),
            ("1.5s", 1_500),
            ("0.001s", 1),
            ("1m", 60_000),
            ("2h", 7_200_000),
            ("1_000ms", 1_000),
            ("2147483647ms", 2_147_483_647),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_name_the_text_and_show_a_valid_one() {
        for (text, part) in [
            ("", "write for example"),
            ("s", "write for example"),
            (".5s", "write for example"),
            ("1.s", "write for example"),
            ("1.2.3s", "write for example"),
            ("-1s", "write for example"),
            ("2", "has no unit; write for example \"2s\""),
            ("2 s", "write \"2s\""),
            ("2 sec", "`sec` is not a unit of time"),
            ("2sec", "`sec` is not a unit of time"),
            ("0ms", "outside"),
            ("0.4ms", "whole number of milliseconds"),
            ("1000us", "the units are `ms`, `s`, `m` and `h`"),
            ("0.0000000000001s", "whole number of milliseconds"),
            ("2147483648ms", "outside"),
            (
                "99999999999999999999999999999999999999999s",
                "not a duration",
            ),
        ] {
            let message = millis(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
