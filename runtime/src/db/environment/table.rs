//! The variables of the environment that set what a builder sets.
//!
//! Everything else is derived from this table: how the variables are read, what an error says is
//! valid, and which misspelt name was meant. A test compares the table with that of the guide. The
//! rows are read in this order: what switches something off stands before its parts.

use super::variable::{Value, Variable};
use crate::policy::CircuitBreaker;
use crate::pool::MOST_CONNECTIONS;

pub(super) static TABLE: &[Variable] = &[
    Variable {
        also: Some("ASYNC_DATABASE_URL"),
        default: Some("none"),
        ..of_pool("DATABASE_URL", "`url`", Value::Url(|d| &mut d.url))
    },
    Variable {
        also: Some("ASYNC_DATABASE_POOL_SIZE"),
        default: Some("10, if `DATABASE_MAX_OVERFLOW` is set"),
        ..of_pool(
            "DATABASE_POOL_SIZE",
            "`min_connections`",
            Value::Count(1, MOST_CONNECTIONS, |d| Some(d.kept.get_or_insert(0))),
        )
    },
    Variable {
        also: Some("ASYNC_DATABASE_MAX_OVERFLOW"),
        default: Some("0, if `DATABASE_POOL_SIZE` is set"),
        ..of_pool(
            "DATABASE_MAX_OVERFLOW",
            "`max_connections`, as the number beyond `DATABASE_POOL_SIZE`",
            Value::Count(0, MOST_CONNECTIONS - 1, |d| {
                Some(d.additional.get_or_insert(0))
            }),
        )
    },
    Variable {
        default: Some("10"),
        ..of_pool(
            "DATABASE_MAX_CONNECTIONS",
            "`max_connections`",
            Value::Count(1, MOST_CONNECTIONS, |d| Some(d.most.get_or_insert(0))),
        )
    },
    of_pool(
        "DATABASE_MIN_CONNECTIONS",
        "`min_connections`",
        Value::Count(0, MOST_CONNECTIONS, |d| Some(d.least.get_or_insert(0))),
    ),
    of_pool(
        "DATABASE_IDLE_TIMEOUT",
        "`idle_timeout`",
        Value::Time(|d| Some(&mut d.settings.pool.idle_timeout)),
    ),
    Variable {
        also: Some("ASYNC_DATABASE_POOL_TIMEOUT"),
        ..of_calls(
            "DATABASE_POOL_TIMEOUT",
            "`acquire_timeout`",
            Value::Time(|d| {
                let pool = &mut d.settings.pool;
                let default = pool.acquire_timeout();
                Some(pool.acquire_timeout.get_or_insert(default))
            }),
        )
    },
    Variable {
        also: Some("ASYNC_DATABASE_POOL_RECYCLE"),
        ..of_pool(
            "DATABASE_POOL_RECYCLE",
            "`max_lifetime`",
            Value::Time(|d| Some(&mut d.settings.pool.max_lifetime)),
        )
    },
    of_calls(
        "DATABASE_VALIDATION_TIMEOUT",
        "`validation_timeout`",
        Value::Time(|d| Some(&mut d.settings.pool.validation_timeout)),
    ),
    of_calls(
        "DATABASE_CLOSE_TIMEOUT",
        "`close_timeout`",
        Value::Time(|d| Some(&mut d.settings.close_timeout)),
    ),
    of_calls(
        "DATABASE_STATEMENT_TIMEOUT",
        "`statement_timeout`",
        Value::Time(|d| Some(&mut d.settings.session.statement_timeout)),
    ),
    of_calls(
        "DATABASE_IDLE_IN_TRANSACTION_TIMEOUT",
        "`idle_in_transaction_timeout`",
        Value::Time(|d| Some(&mut d.settings.session.idle_in_transaction_timeout)),
    ),
    Variable {
        default: Some("none"),
        ..of_pool(
            "DATABASE_APPLICATION_NAME",
            "`application_name`",
            Value::Name(|d, name| d.settings.session.application_name = Some(name.into())),
        )
    },
    Variable {
        default: Some("`false`, or what `connect_options(..)` say"),
        ..of_pool(
            "DATABASE_ECHO",
            "`log_statements`",
            Value::Switch(|d, on| d.settings.session.log_statements = Some(on)),
        )
    },
    of_calls(
        "DATABASE_TIMEOUT",
        "`timeout`",
        Value::Time(|d| Some(&mut d.settings.calls.timeout)),
    ),
    of_calls(
        "DATABASE_RETRY_ATTEMPTS",
        "`retry`: `attempts`",
        Value::Count(1, MOST, |d| Some(&mut d.settings.calls.retry.attempts)),
    ),
    of_calls(
        "DATABASE_RETRY_OUTAGE_ATTEMPTS",
        "`retry`: `outage_attempts`",
        Value::Count(1, MOST, |d| {
            Some(&mut d.settings.calls.retry.outage_attempts)
        }),
    ),
    of_calls(
        "DATABASE_RETRY_BASE",
        "`retry`: `base`",
        Value::Time(|d| Some(&mut d.settings.calls.retry.base)),
    ),
    of_calls(
        "DATABASE_RETRY_CAP",
        "`retry`: `cap`",
        Value::Time(|d| Some(&mut d.settings.calls.retry.cap)),
    ),
    of_calls(
        "DATABASE_RETRY_BUDGET_PER_CALL",
        "`retry_budget`: `per_call`",
        Value::Number(1_000.0, |d| Some(&mut d.settings.calls.retry_budget.0)),
    ),
    of_calls(
        "DATABASE_RETRY_BUDGET_PER_SECOND",
        "`retry_budget`: `per_second`",
        Value::Number(1_000_000.0, |d| Some(&mut d.settings.calls.retry_budget.1)),
    ),
    Variable {
        default: Some("`true`"),
        ..of_calls(
            "DATABASE_CIRCUIT_BREAKER",
            "`circuit_breaker`: `None` if `false`",
            Value::Switch(|d, on| {
                let breaker = &mut d.settings.calls.breaker;
                *breaker = on.then(|| breaker.unwrap_or(CircuitBreaker::DEFAULT));
            }),
        )
    },
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_WINDOW",
        "`circuit_breaker`: `window`",
        Value::Time(|d| Some(&mut d.settings.calls.breaker.as_mut()?.window)),
    ),
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_FAILURE_SHARE",
        "`circuit_breaker`: `failure_share`",
        Value::Number(1.0, |d| {
            Some(&mut d.settings.calls.breaker.as_mut()?.failure_share)
        }),
    ),
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_MIN_OUTCOMES",
        "`circuit_breaker`: `min_outcomes`",
        Value::Count(1, MOST, |d| {
            Some(&mut d.settings.calls.breaker.as_mut()?.min_outcomes)
        }),
    ),
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_REFUSALS",
        "`circuit_breaker`: `refusals`",
        Value::Count(1, MOST, |d| {
            Some(&mut d.settings.calls.breaker.as_mut()?.refusals)
        }),
    ),
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_SLOW",
        "`circuit_breaker`: `slow`",
        Value::Time(|d| Some(&mut d.settings.calls.breaker.as_mut()?.slow)),
    ),
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_OPEN",
        "`circuit_breaker`: `open`",
        Value::Time(|d| Some(&mut d.settings.calls.breaker.as_mut()?.open)),
    ),
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_OPEN_CAP",
        "`circuit_breaker`: `open_cap`",
        Value::Time(|d| Some(&mut d.settings.calls.breaker.as_mut()?.open_cap)),
    ),
    of_calls(
        "DATABASE_CIRCUIT_BREAKER_PROBES",
        "`circuit_breaker`: `probes`",
        Value::Count(1, MOST, |d| {
            Some(&mut d.settings.calls.breaker.as_mut()?.probes)
        }),
    ),
    of_calls(
        "DATABASE_IDLE_TRANSACTION_WARNING",
        "`idle_transaction_warning`",
        Value::Time(|d| Some(&mut d.settings.calls.limits.idle)),
    ),
    of_calls(
        "DATABASE_BLOCKING_POLL_WARNING",
        "`blocking_poll_warning`",
        Value::Time(|d| Some(&mut d.settings.calls.limits.poll)),
    ),
    of_calls(
        "DATABASE_LEAK_THRESHOLD",
        "`leak_threshold`",
        Value::Time(|d| Some(&mut d.settings.calls.limits.held)),
    ),
    Variable {
        default: Some("`false`"),
        ..of_calls(
            "DATABASE_RECLAIM_LEAKS",
            "`reclaim_leaks`",
            Value::Switch(|d, on| d.settings.calls.limits.reclaim = on),
        )
    },
    of_calls(
        "DATABASE_REPEATED_STATEMENT_WARNING",
        "`repeated_statement_warning`",
        Value::Count(0, MOST, |d| Some(&mut d.settings.calls.limits.repeats)),
    ),
    Variable {
        also: Some("ASYNC_DATABASE_MONITORING_ENABLED"),
        default: Some("`true`"),
        ..of_calls(
            "DATABASE_MONITORING_ENABLED",
            "`monitoring`",
            Value::Switch(|d, on| d.settings.monitoring = on),
        )
    },
    Variable {
        also: Some("DATABASE_ASYNC_ENABLED"),
        default: Some("`true`"),
        ..of_calls(
            "ASYNC_DATABASE_ENABLED",
            "`async_enabled` of a `TwoWayDb`; without one, only `true` is valid",
            Value::Switch(|d, on| d.settings.async_enabled = on),
        )
    },
];

/// The most attempts, refusals and so on that make any sense to count.
const MOST: u32 = 1_000_000;

/// A variable about the calls.
const fn of_calls(name: &'static str, sets: &'static str, value: Value) -> Variable {
    Variable {
        name,
        also: None,
        sets,
        default: None,
        of_pool: false,
        value,
    }
}

/// A variable about the pool itself, which the application's own pool cannot be told.
const fn of_pool(name: &'static str, sets: &'static str, value: Value) -> Variable {
    Variable {
        of_pool: true,
        ..of_calls(name, sets, value)
    }
}
