//! Variables about single operations: `DBOP_OPERATION_ORDERS_PLACE_TIMEOUT=5s`.

use tokio::sync::Semaphore;

use crate::op::{Override, Overrides, Retries, RetryParts, in_variables};
use crate::rt::{FOREVER, VALID_DURATIONS, parse_duration};

/// How the name of every variable about an operation begins.
const BEGIN: &str = "DBOP_OPERATION_";

/// Any of these variables, and what it sets.
pub(super) const ANY: (&str, &str) = ("DBOP_OPERATION_<name>_..", "what holds for one operation");

/// What can be said about an operation.
struct Setting {
    /// How the name of the variable ends.
    end: &'static str,
    valid: fn() -> String,
    set: fn(&mut Override, &str) -> Option<()>,
}

/// Where one end is also the end of another, the longer one stands first.
const SETTINGS: [Setting; 6] = [
    Setting {
        end: "_RETRY_ATTEMPTS",
        valid: || "a whole number, from 1 to 1000000".to_owned(),
        set: |own, text| {
            let count = text.parse().ok();
            let count = count.filter(|count| (1..=1_000_000).contains(count))?;
            parts(own).attempts = Some(count);
            Some(())
        },
    },
    Setting {
        end: "_RETRY_BASE",
        valid: || VALID_DURATIONS.to_owned(),
        set: |own, text| {
            parts(own).base = Some(parse_duration(text)?);
            Some(())
        },
    },
    Setting {
        end: "_RETRY_CAP",
        valid: || VALID_DURATIONS.to_owned(),
        set: |own, text| {
            parts(own).cap = Some(parse_duration(text)?);
            Some(())
        },
    },
    Setting {
        end: "_RETRY",
        valid: || {
            "`never`; to change how calls are retried, set _RETRY_ATTEMPTS and so on".to_owned()
        },
        set: |own, text| {
            own.retry = (text == "never").then_some(Retries::Never)?;
            Some(())
        },
    },
    Setting {
        end: "_MAX_CONCURRENCY",
        valid: || "a whole number, from 1 to 1000000".to_owned(),
        set: |own, text| {
            let calls: usize = text.parse().ok()?;
            let calls = (1..=1_000_000).contains(&calls).then_some(calls)?;
            own.places = Some(Box::leak(Box::new(Semaphore::new(calls))));
            Some(())
        },
    },
    Setting {
        end: "_TIMEOUT",
        valid: || format!("`none`, or {VALID_DURATIONS}"),
        set: |own, text| {
            own.timeout = Some(match text {
                "none" => FOREVER,
                time => parse_duration(time)?,
            });
            Some(())
        },
    },
];

/// Returns the parts of the retry policy, unless there are to be no retries at all.
fn parts(own: &mut Override) -> &mut RetryParts {
    if own.retry == Retries::Default {
        own.retry = Retries::Parts(RetryParts::NONE);
    }
    match &mut own.retry {
        Retries::Parts(parts) => parts,
        Retries::Default | Retries::Never => unreachable!("{BEGIN}.._RETRY is read last"),
    }
}

/// Whether a variable has a name of its own choice: that of an operation, or of dbop's own tests.
pub(super) fn is_own(name: &str) -> bool {
    name.starts_with(BEGIN) || name.starts_with("DBOP_TEST_")
}

/// Reads the variables about single operations, of which `value` is `None` where it is not UTF-8.
/// Adds what is wrong to `faults`.
pub(super) fn read<'a>(
    variables: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    faults: &mut Vec<String>,
) -> Overrides {
    let mut found = Vec::new();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(BEGIN) else {
            continue;
        };
        let position = SETTINGS.iter().position(|setting| {
            let operation = rest.strip_suffix(setting.end);
            operation.is_some_and(|operation| !operation.is_empty())
        });
        match position {
            Some(position) => found.push((position, name, value)),
            None => faults.push(no_setting(name)),
        }
    }
    // `never` goes last, so that it holds whatever the order of the environment is.
    found.sort_by_key(|(position, ..)| *position);
    let mut each: Vec<Override> = Vec::new();
    for (position, name, value) in found {
        let setting = &SETTINGS[position];
        let operation = &name[BEGIN.len()..name.len() - setting.end.len()];
        let written: String = in_variables(operation).collect();
        if written != operation {
            faults.push(format!(
                "{name} sets nothing; write {BEGIN}{written}{}",
                setting.end
            ));
            continue;
        }
        let at = each.iter().position(|own| own.name() == operation);
        let at = at.unwrap_or_else(|| {
            each.push(Override::of(operation.to_owned()));
            each.len() - 1
        });
        let set = value
            .map(str::trim)
            .and_then(|text| (setting.set)(&mut each[at], text));
        if set.is_none() {
            faults.push(super::fault(name, value, false, &(setting.valid)()));
        }
    }
    Overrides::new(each)
}

fn no_setting(name: &str) -> String {
    let ends: Vec<_> = SETTINGS
        .iter()
        .map(|setting| format!("{BEGIN}<name>{}", setting.end))
        .collect();
    format!(
        "{name} sets nothing; valid, with the name of an operation in upper case for <name>: {}",
        ends.join(", ")
    )
}
