//! The options of `#[guarded]`: those of an operation that need no database, and two of its own.

use syn::LitStr;

use super::reader::{Row, Value, Written};
use super::{Options, Retry, read_limit, read_name, read_retry, read_timeout};

const NO_SESSION: &str = "says something about the session of a database, and a guarded function has none; remove it, or write `#[db_op]` for an operation on a database";
const NO_TRANSACTION: &str = "says something about a transaction, and a guarded function has none; remove it, or write `#[transactional]` for a transaction";
const NO_PLAIN_FN: &str = "is for a plain `fn`, and a guarded function is async; remove it";
const DECLARED: &str = "is not needed, because `retry(..)` declares that the call may be made again; write `retry(attempts = 3)`, or nothing if the call must be made once";

pub(super) static TABLE: [Row<Options>; 21] = [
    Row::new("breaker", "breaker = \"llm\"", |options, value| {
        read_breaker(value).map(|given| options.breaker = given)
    }),
    Row::new(
        "timeout",
        "timeout = \"30s\"` or `timeout = none",
        |options, value| read_timeout(value).map(|given| options.timeout = given),
    ),
    Row::new(
        "attempt_timeout",
        "attempt_timeout = \"10s\"",
        |options, value| {
            value
                .duration()
                .map(|given| options.attempt_timeout = given)
        },
    ),
    Row::new(
        "retry",
        "retry(attempts = 3, base = \"200ms\", cap = \"5s\")",
        |options, value| read_retry(value).map(|given| options.retry = given),
    ),
    Row::new(
        "max_concurrency",
        "max_concurrency = 8` or `max_concurrency(limit = 8, when_full = reject)",
        |options, value| read_limit(value).map(|given| options.max_concurrency = given),
    ),
    Row::new("name", "name = \"llm.generate\"", |options, value| {
        read_name(value).map(|given| options.name = given)
    }),
    Row::new("crate", "crate = ::path::to::dbop", |options, value| {
        value.path().map(|given| options.krate = given)
    }),
    Row::new(
        "allow",
        "allow(blocking_call, reason = \"..\")",
        |options, value| value.lints().map(|given| options.allow = given),
    ),
    Row::unfit("read_only", DECLARED),
    Row::unfit("idempotent", DECLARED),
    Row::unfit(
        "once",
        "keeps its markers in a database, and a guarded function has none; call the function in a step of a job, as in `job.call(\"name\", async |key| ..)`, whose result is stored",
    ),
    Row::unfit("db", NO_SESSION),
    Row::unfit("on", NO_SESSION),
    Row::unfit("callers", NO_SESSION),
    Row::unfit("isolation", NO_TRANSACTION),
    Row::unfit("deferrable", NO_TRANSACTION),
    Row::unfit("nested", NO_TRANSACTION),
    Row::unfit("plain", NO_SESSION),
    Row::unfit("prefer_async", NO_PLAIN_FN),
    Row::unfit("in_impl", NO_PLAIN_FN),
    Row::unfit("in_trait_impl", NO_PLAIN_FN),
];

fn read_breaker(value: &mut Value<'_>) -> Written<LitStr> {
    let name = value.string()?;
    match &name {
        Some(given) if given.value.value().trim().is_empty() => Err(syn::Error::new(
            given.value.span(),
            "the name of a circuit breaker must not be empty: errors and `dbop::breakers()` say it",
        )),
        _ => Ok(name),
    }
}

/// Notes what the options say without words: a call may be made again if and only if `retry(..)` is
/// written.
pub(super) fn declare(options: &mut Options) {
    match &options.retry {
        Some(retry) if retry.value != Retry::Never => options.idempotent = retry.with(()),
        _ => {}
    }
}
