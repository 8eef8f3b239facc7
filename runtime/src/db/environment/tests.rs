use std::time::Duration;

use super::variable::Value;
use super::*;
use crate::policy::CircuitBreaker;

fn read_over(settings: &Settings, all: &[(&str, &str)]) -> Result<Found> {
    let all = all.iter().map(|(name, value)| (name.into(), value.into()));
    Variables::new(all).read(settings)
}

fn read(all: &[(&str, &str)]) -> Result<Found> {
    read_over(&Settings::default(), all)
}

fn refused(all: &[(&str, &str)]) -> String {
    match read(all) {
        Ok(_) => panic!("{all:?} is taken"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Configuration);
            error.to_string()
        }
    }
}

/// A valid value other than the default, and one that is not valid.
fn examples(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Url(_) => ("sqlite:a.db", ""),
        Value::Name(_) => ("shop", "a\nb"),
        Value::Time(_) => ("7ms", "soon"),
        Value::Count(..) => ("7", "-1"),
        Value::Number(..) => ("0.25", "nan"),
        Value::Switch(_) => ("1", "loud"),
    }
}

#[test]
fn every_variable_is_read_and_every_bad_one_is_named_with_its_value_and_what_is_valid() {
    for variable in TABLE {
        let (good, bad) = examples(&variable.value);
        for name in variable.names() {
            let found = read(&[(name, good)]);
            assert!(found.is_ok(), "{name}");
            let of_pool = found.ok().unwrap().of_pool;
            assert_eq!(of_pool.contains(&name), variable.of_pool, "{name}");
            if bad.is_empty() {
                continue; // Whether a URL is valid is found out when it is opened.
            }
            let text = refused(&[(name, bad)]);
            let expected = format!("{name} is `{bad}`; valid: {}", variable.value.valid());
            assert!(text.contains(&expected), "{text}");
        }
    }
}

#[test]
fn every_variable_but_a_switch_changes_a_setting() {
    let before = format!("{:?}", Settings::default());
    for variable in TABLE {
        let (good, _) = examples(&variable.value);
        let found = read(&[(variable.name, good)]).ok().unwrap();
        let changed = format!("{:?}", found.settings) != before || found.url.is_some();
        let changes = !matches!(variable.value, Value::Switch(_));
        assert!(changed || !changes, "{}", variable.name);
    }
}

#[test]
fn variables_set_what_they_are_named_for() {
    let found = read(&[
        ("DATABASE_URL", " sqlite:a.db "),
        ("DATABASE_MAX_CONNECTIONS", "50"),
        ("DATABASE_MIN_CONNECTIONS", "2"),
        ("ASYNC_DATABASE_POOL_TIMEOUT", "3"),
        ("DATABASE_POOL_RECYCLE", "1h"),
        ("DATABASE_IDLE_TIMEOUT", "2min"),
        ("DATABASE_VALIDATION_TIMEOUT", "250ms"),
        ("DATABASE_TIMEOUT", "0.5"),
        ("DATABASE_RETRY_ATTEMPTS", "9"),
        ("DATABASE_RETRY_BUDGET_PER_SECOND", "0"),
        ("DATABASE_CIRCUIT_BREAKER_PROBES", "1"),
        ("DATABASE_APPLICATION_NAME", "shop"),
        ("DATABASE_ECHO", "true"),
        ("ASYNC_DATABASE_MONITORING_ENABLED", "false"),
        ("DATABASE_IDLE_TRANSACTION_WARNING", "5s"),
    ]);
    let Found { settings, url, .. } = found.ok().unwrap();
    assert_eq!(url.unwrap().expose(), "sqlite:a.db");
    let (pool, calls) = (&settings.pool, &settings.calls);
    assert_eq!((pool.max_connections, pool.min_connections), (50, 2));
    assert_eq!(pool.acquire_timeout(), Duration::from_secs(3));
    assert_eq!(pool.max_lifetime, Duration::from_secs(3600));
    assert_eq!(pool.idle_timeout, Duration::from_secs(120));
    assert_eq!(pool.validation_timeout, Duration::from_millis(250));
    assert_eq!(calls.timeout, Duration::from_millis(500));
    assert_eq!((calls.retry.attempts, calls.retry.outage_attempts), (9, 3));
    assert_eq!(calls.retry_budget, (0.2, 0.0));
    assert_eq!(calls.breaker, Some(CircuitBreaker::DEFAULT.probes(1)));
    assert_eq!(calls.limits.idle, Duration::from_secs(5));
    assert_eq!(settings.session.application_name.as_deref(), Some("shop"));
    assert_eq!(settings.session.log_statements, Some(true));
    assert!(!settings.monitoring);
}

#[test]
fn a_circuit_breaker_that_is_switched_off_stays_off() {
    let off = ("DATABASE_CIRCUIT_BREAKER", "false");
    let found = read(&[("DATABASE_CIRCUIT_BREAKER_SLOW", "2s"), off]);
    assert_eq!(found.ok().unwrap().settings.calls.breaker, None);
    let mut settings = Settings::default();
    settings.calls.breaker = None;
    let on = [("DATABASE_CIRCUIT_BREAKER", "true")];
    let found = read_over(&settings, &on).ok().unwrap();
    let breaker = found.settings.calls.breaker;
    assert_eq!(breaker, Some(CircuitBreaker::DEFAULT));
}

#[test]
fn all_bad_variables_are_in_one_error() {
    let text = refused(&[
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_ECHO", "loud"),
        ("DATABASE_POOL_TIMEOUT", "-1"),
        ("DBOP_OPERATION_PLACE_TIMEOUT", "soon"),
        ("DBOP_OPERATION_PLACE_TIMEOOT", "5s"),
        ("ASYNC_DATABASE_ENABLED", "off"),
    ]);
    for part in [
        "DATABASE_POOL_SIZE is `0`; valid: a whole number, from 1 to 262143",
        "DATABASE_ECHO is `loud`; valid: `true`",
        "DATABASE_POOL_TIMEOUT is `-1`; valid: a time above 0",
        "DBOP_OPERATION_PLACE_TIMEOUT is `soon`; valid: `none`, or a time",
        "DBOP_OPERATION_PLACE_TIMEOOT sets nothing; valid",
        "ASYNC_DATABASE_ENABLED is `off`; valid: `true`, `false`, `1` or `0`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_half_that_calls_take_is_said_by_either_name() {
    assert!(read(&[]).ok().unwrap().settings.async_enabled);
    for name in ["ASYNC_DATABASE_ENABLED", "DATABASE_ASYNC_ENABLED"] {
        for (value, expected) in [("false", false), ("0", false), ("True", true)] {
            let found = read(&[(name, value)]).ok().unwrap();
            assert_eq!(found.settings.async_enabled, expected, "{name}={value}");
        }
    }
}

#[test]
fn the_size_of_a_pool_is_said_in_one_way_and_not_in_two() {
    let read = |all: &[_]| read(all).map(|found| found.settings.pool.max_connections);
    let (size, overflow) = ("DATABASE_POOL_SIZE", "DATABASE_MAX_OVERFLOW");
    assert_eq!(read(&[(overflow, "5")]).unwrap(), 15);
    assert_eq!(read(&[(size, "3")]).unwrap(), 3);
    assert_eq!(
        read(&[(size, "62143"), (overflow, "200000")]).unwrap(),
        262_143
    );
    for (all, part) in [
        ([(size, "4294967295"), (overflow, "0")], "from 1 to 262143"),
        (
            [(size, "262140"), (overflow, "4")],
            "DATABASE_MAX_OVERFLOW is `4`; valid: a whole number, up to 3",
        ),
        ([(size, "1"), (overflow, "4294967295")], "from 0 to 262142"),
        (
            [(size, "5"), ("DATABASE_MAX_CONNECTIONS", "5")],
            "set in two ways",
        ),
        (
            [(overflow, "5"), ("DATABASE_MIN_CONNECTIONS", "5")],
            "set in two ways",
        ),
        (
            [
                ("DATABASE_MIN_CONNECTIONS", "50"),
                ("DATABASE_MAX_CONNECTIONS", "6"),
            ],
            "DATABASE_MIN_CONNECTIONS is `50`; valid: a whole number, up to the 6",
        ),
    ] {
        let text = refused(&all);
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn two_names_of_one_setting_must_not_say_different_things() {
    let names = ("DATABASE_POOL_SIZE", "ASYNC_DATABASE_POOL_SIZE");
    assert!(read(&[(names.0, "5"), (names.1, "5")]).is_ok());
    let text = refused(&[(names.0, "5"), (names.1, "20")]);
    let part = "DATABASE_POOL_SIZE and ASYNC_DATABASE_POOL_SIZE say different things";
    assert!(text.contains(part), "{text}");
    let urls = [
        ("DATABASE_URL", "postgres://ada:h0rse@h/shop"),
        (
            "ASYNC_DATABASE_URL",
            "postgresql+asyncpg://ada:h0rse@h/shop",
        ),
    ];
    let text = refused(&urls);
    assert!(
        text.contains("DATABASE_URL and ASYNC_DATABASE_URL"),
        "{text}"
    );
    assert!(!text.contains("h0rse"), "{text}");
}

#[test]
fn a_url_in_the_wrong_variable_is_not_shown() {
    for name in [
        "DATABASE_POOL_SIZE",
        "DATABASE_APPLICATION_NAME",
        "DBOP_OPERATION_X_TIMEOUT",
    ] {
        let text = refused(&[(
            name,
            "postgres://ada:h0rse@h/shop\n?a very long parameter, so that it is no name",
        )]);
        assert!(text.contains(name) && !text.contains("h0rse"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf_8_is_a_bad_value_and_is_not_shown() {
    use std::os::unix::ffi::OsStringExt;

    let names = TABLE.iter().flat_map(|variable| variable.names());
    for name in names.chain(["DBOP_OPERATION_PLACE_TIMEOUT"]) {
        let bad = OsString::from_vec(b"postgres://u:h0rse\xff@h/db".to_vec());
        let read = Variables::new([(name.into(), bad)]).read(&Settings::default());
        let text = read.map(drop).expect_err(name).to_string();
        let expected = format!("{name} is not UTF-8; valid: ");
        assert!(text.contains(&expected), "{text}");
        assert!(!text.contains("h0rse"), "{text}");
    }
}

#[test]
fn misspelt_variables_are_told_from_others() {
    let all = ["DATABASE_POOL_SIZ", "DATABASE_URL", "HOME"];
    let variables = Variables::new(all.map(|name| (name.into(), "1".into())));
    let misspelt: Vec<_> = variables.misspelt().collect();
    assert_eq!(
        misspelt,
        [(
            "DATABASE_POOL_SIZ",
            ("DATABASE_POOL_SIZE", "`min_connections`")
        )]
    );
}

#[test]
fn what_is_said_about_an_operation_is_kept_under_its_name() {
    let found = read(&[
        ("DBOP_OPERATION_ORDERS_PLACE_TIMEOUT", "250ms"),
        ("DBOP_OPERATION_ORDERS_PLACE_RETRY_ATTEMPTS", "2"),
        ("DBOP_OPERATION_ORDERS_PLACE_RETRY_BASE", "1s"),
        ("DBOP_OPERATION_REPORT_RETRY", "never"),
        ("DBOP_OPERATION_REPORT_RETRY_CAP", "1s"),
        ("DBOP_OPERATION_REPORT_TIMEOUT", "none"),
    ]);
    let overrides = found.ok().unwrap().settings.calls.overrides;
    let place = overrides.of("orders.place").unwrap();
    assert_eq!(place.timeout, Some(Duration::from_millis(250)));
    let policy = place.retry.over(crate::RetryPolicy::DEFAULT);
    assert_eq!((policy.attempts, policy.base), (2, Duration::from_secs(1)));
    let report = overrides.of("report").unwrap();
    assert_eq!(report.timeout, Some(crate::rt::FOREVER));
    assert_eq!(report.retry.over(crate::RetryPolicy::DEFAULT).attempts, 1);
    assert!(overrides.of("place").is_none());
}

#[test]
fn an_operation_whose_name_is_not_written_as_in_variables_is_refused_with_what_to_write() {
    for (name, write) in [
        ("orders_place", "ORDERS_PLACE"),
        ("ORDERS.PLACE", "ORDERS_PLACE"),
        ("Orders-place", "ORDERS_PLACE"),
        ("STRAßE", "STRASSE"),
    ] {
        let name = format!("DBOP_OPERATION_{name}_RETRY_BASE");
        let text = refused(&[(&name, "1s")]);
        let expected = format!("{name} sets nothing; write DBOP_OPERATION_{write}_RETRY_BASE");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn the_table_of_the_guide_is_that_of_the_code() {
    let guide = include_str!("../../../guide/settings.md");
    let rows = guide
        .lines()
        .filter(|line| line.starts_with("| `DATABASE_") || line.starts_with("| `ASYNC_DATABASE_"));
    let expected: Vec<_> = TABLE.iter().map(row).collect();
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows, expected, "write\n{}", expected.join("\n"));
}

/// The row of the guide's table.
fn row(variable: &Variable) -> String {
    let names: Vec<_> = variable.names().map(|name| format!("`{name}`")).collect();
    let valid = match &variable.value {
        Value::Url(_) => "a URL".to_owned(),
        Value::Time(_) => "a time".to_owned(),
        Value::Switch(_) => "`true` or `false`".to_owned(),
        other => other.valid(),
    };
    let (names, sets, default) = (names.join(", "), variable.sets, variable.default());
    format!("| {names} | {sets} | {default} | {valid} |")
}

#[test]
fn the_defaults_of_the_process_take_only_what_is_said_about_single_operations() {
    let operations = |all: &[(&str, &str)]| {
        let all = all.iter().map(|(name, value)| (name.into(), value.into()));
        Variables::new(all).operations()
    };
    let ask = "DBOP_OPERATION_MODEL_ASK_TIMEOUT";
    let found = operations(&[(ask, "5s"), ("DATABASE_POOL_SIZE", "not a number")]).unwrap();
    let own = found.of("model.ask").unwrap();
    assert_eq!(own.timeout, Some(Duration::from_secs(5)));
    let refused = operations(&[(ask, "soon")]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    assert!(refused.to_string().contains(ask), "{refused}");
}
