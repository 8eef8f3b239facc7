//! Options that have options of their own, such as `unique(..)`.

use syn::{Expr, Ident, LitStr};

use crate::options::reader::{Given, Row, Value, Written};
use crate::suggest;

/// By which arguments two jobs count as duplicates.
#[derive(Default)]
pub(in crate::job_attribute) enum Arguments {
    #[default]
    None,
    All,
    These(Vec<Ident>),
}

/// `unique(..)`; durations are in milliseconds, here and below.
#[derive(Default)]
pub(in crate::job_attribute) struct Unique {
    pub(in crate::job_attribute) arguments: Arguments,
    pub(in crate::job_attribute) period: Option<u64>,
    pub(in crate::job_attribute) queue: bool,
    /// The variants of the runtime's `JobState`.
    pub(in crate::job_attribute) states: Option<Vec<&'static str>>,
}

/// The states of a job, with their variants of the runtime's `JobState`.
const STATES: [(&str, &str); 8] = [
    ("available", "Available"),
    ("cancelled", "Cancelled"),
    ("completed", "Completed"),
    ("discarded", "Discarded"),
    ("pending", "Pending"),
    ("retryable", "Retryable"),
    ("running", "Running"),
    ("scheduled", "Scheduled"),
];

/// The states that River requires: a job in such a state has yet to end.
const REQUIRED: [&str; 4] = ["available", "pending", "running", "scheduled"];

static UNIQUE_TABLE: [Row<Unique>; 4] = [
    Row::new("args", "args` or `args = [customer_id]", |unique, value| {
        let given = value.flag_or_names()?;
        unique.arguments = match given.map(|given| given.value) {
            None => Arguments::None,
            Some(None) => Arguments::All,
            Some(Some(names)) => Arguments::These(names),
        };
        Ok(())
    }),
    Row::new("period", "period = \"1h\"", |unique, value| {
        let given = value.duration()?;
        match &given {
            Some(given) if given.value < 1_000 => {
                Err(value.wrong("is at least one second (\"1s\")"))
            }
            _ => {
                unique.period = given.map(|given| given.value);
                Ok(())
            }
        }
    }),
    Row::new("queue", "queue", |unique, value| {
        value.flag().map(|given| unique.queue = given.is_some())
    }),
    Row::new(
        "states",
        "states = [available, pending, running, scheduled]",
        |unique, value| read_states(value).map(|states| unique.states = states),
    ),
];

fn read_states(value: &mut Value<'_>) -> syn::Result<Option<Vec<&'static str>>> {
    let given = value.words(&STATES.map(|state| (state.0, state)))?;
    let Some(states) = given.map(|given| given.value) else {
        return Ok(None);
    };
    let is_missing = |name: &&str| !states.iter().any(|(written, _)| written == name);
    let missing: Vec<_> = REQUIRED.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(Some(states.iter().map(|(_, variant)| *variant).collect()));
    }
    Err(value.wrong(&format!(
        "leaves out {}, and a job that has yet to end is always counted",
        suggest::list(missing)
    )))
}

/// Reads `unique`, which means all arguments, or `unique(..)`.
pub(super) fn read_unique(value: &mut Value<'_>) -> Written<Unique> {
    let mut unique = Unique::default();
    if value.has_list() {
        value.list(&UNIQUE_TABLE, &mut unique)?;
    } else if value.flag()?.is_some() {
        unique.arguments = Arguments::All;
    }
    Ok(value.given(unique))
}

/// `backoff(..)`
pub(in crate::job_attribute) struct Backoff {
    pub(in crate::job_attribute) base: u64,
    pub(in crate::job_attribute) max: u64,
}

#[derive(Default)]
struct BackoffParts {
    base: Option<Given<u64>>,
    max: Option<Given<u64>>,
}

static BACKOFF_TABLE: [Row<BackoffParts>; 2] = [
    Row::new("base", "base = \"1s\"", |parts, value| {
        value.duration().map(|given| parts.base = given)
    }),
    Row::new("max", "max = \"1h\"", |parts, value| {
        value.duration().map(|given| parts.max = given)
    }),
];

pub(super) fn read_backoff(value: &mut Value<'_>) -> Written<Backoff> {
    let mut parts = BackoffParts::default();
    read_parts(value, &BACKOFF_TABLE, &mut parts)?;
    let (Some(base), Some(max)) = (parts.base, parts.max) else {
        return missing(value, "needs a `base` and a `max`");
    };
    if base.value > max.value {
        let message = format!(
            "`{base}` ({} ms) is longer than `max` ({} ms): no wait may exceed `max`; lower `base` or raise `max`",
            base.value, max.value
        );
        return Err(syn::Error::new(base.key.span(), message));
    }
    Ok(value.given(Backoff {
        base: base.value,
        max: max.value,
    }))
}

/// `concurrency(..)`
pub(in crate::job_attribute) struct Limit {
    pub(in crate::job_attribute) limit: u32,
    pub(in crate::job_attribute) key: Option<Expr>,
}

/// `rate(..)`
pub(in crate::job_attribute) struct Rate {
    pub(in crate::job_attribute) limit: u32,
    pub(in crate::job_attribute) per: u64,
    pub(in crate::job_attribute) key: Option<Expr>,
}

/// The parts of `concurrency(..)` and `rate(..)`.
#[derive(Default)]
struct LimitParts {
    limit: Option<Given<u32>>,
    per: Option<Given<u64>>,
    key: Option<Given<Expr>>,
}

const LIMIT: Row<LimitParts> = Row::new("limit", "limit = 2", |parts, value| {
    value.count().map(|given| parts.limit = given)
});

const KEY: Row<LimitParts> = Row::new("key", "key = customer_id", |parts, value| {
    value.expression().map(|given| parts.key = given)
});

static CONCURRENCY_TABLE: [Row<LimitParts>; 2] = [LIMIT, KEY];

static RATE_TABLE: [Row<LimitParts>; 3] = [
    LIMIT,
    Row::new("per", "per = \"1m\"", |parts, value| {
        value.duration().map(|given| parts.per = given)
    }),
    KEY,
];

pub(super) fn read_concurrency(value: &mut Value<'_>) -> Written<Limit> {
    let mut parts = LimitParts::default();
    read_parts(value, &CONCURRENCY_TABLE, &mut parts)?;
    let Some(limit) = parts.limit else {
        return missing(value, "needs a `limit`");
    };
    Ok(value.given(Limit {
        limit: limit.value,
        key: parts.key.map(|given| given.value),
    }))
}

pub(super) fn read_rate(value: &mut Value<'_>) -> Written<Rate> {
    let mut parts = LimitParts::default();
    read_parts(value, &RATE_TABLE, &mut parts)?;
    let (Some(limit), Some(per)) = (parts.limit, parts.per) else {
        return missing(value, "needs a `limit` and a time in `per`");
    };
    Ok(value.given(Rate {
        limit: limit.value,
        per: per.value,
        key: parts.key.map(|given| given.value),
    }))
}

/// `schedule = ".."` or `schedule(..)`
pub(in crate::job_attribute) struct Schedule {
    pub(in crate::job_attribute) cron: LitStr,
    pub(in crate::job_attribute) time_zone: Option<LitStr>,
}

#[derive(Default)]
struct ScheduleParts {
    cron: Option<Given<LitStr>>,
    time_zone: Option<Given<LitStr>>,
}

static SCHEDULE_TABLE: [Row<ScheduleParts>; 2] = [
    Row::new("cron", "cron = \"0 3 * * *\"", |parts, value| {
        value.string().map(|given| parts.cron = given)
    }),
    Row::new(
        "time_zone",
        "time_zone = \"Europe/Berlin\"",
        |parts, value| value.string().map(|given| parts.time_zone = given),
    ),
];

pub(super) fn read_schedule(value: &mut Value<'_>) -> Written<Schedule> {
    let mut parts = ScheduleParts::default();
    if value.has_list() {
        value.list(&SCHEDULE_TABLE, &mut parts)?;
    } else {
        parts.cron = value.string()?;
    }
    let Some(cron) = parts.cron.map(|given| given.value) else {
        return missing(value, "needs a `cron`");
    };
    if cron.value().split_whitespace().count() != 5 {
        let message = format!(
            "`{}` is no schedule: cron has five fields, which are minute, hour, day of the month, month \
             and day of the week; write for example \"0 3 * * *\" for each night at three",
            cron.value()
        );
        return Err(syn::Error::new(cron.span(), message));
    }
    Ok(value.given(Schedule {
        cron,
        time_zone: parts.time_zone.map(|given| given.value),
    }))
}

/// Reads the list of an option that needs a list.
fn read_parts<T>(value: &mut Value<'_>, rows: &[Row<T>], parts: &mut T) -> syn::Result<()> {
    match value.has_list() {
        true => value.list(rows, parts),
        false => Err(value.wrong("needs a list of options")),
    }
}

/// Reports that a part is missing, unless the part was written and is wrong.
fn missing<V>(value: &Value<'_>, what: &str) -> Written<V> {
    match value.has_mistakes() {
        true => Ok(None),
        false => Err(value.wrong(what)),
    }
}
