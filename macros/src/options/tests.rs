use std::collections::BTreeSet;

use super::*;

fn parse_all(attribute: Attribute, text: &str) -> (Options, Vec<String>) {
    let mut errors = Errors::default();
    let options = parse(attribute, text.parse().unwrap(), &mut errors);
    (options, errors.messages())
}

#[track_caller]
fn valid(text: &str) -> Options {
    let (options, messages) = parse_all(Attribute::Transactional, text);
    assert_eq!(messages, [] as [&str; 0]);
    options
}

#[track_caller]
fn messages(text: &str) -> Vec<String> {
    parse_all(Attribute::Transactional, text).1
}

#[test]
fn nothing_is_valid() {
    let options = valid("");
    assert!(options.read_only.is_none() && options.retry.is_none() && options.timeout.is_none());
}

#[test]
fn every_option_is_read() {
    let options = valid(
        "read_only, idempotent, retry(attempts = 3, base = \"5ms\", cap = \"2s\"), timeout = \"1.5s\", name = \"a.b\", db = self.db::<A, B>(x), \
         max_concurrency = 8, crate = ::my::dbop, isolation = repeatable_read, deferrable, nested,",
    );
    assert!(
        options.read_only.is_some()
            && options.idempotent.is_some()
            && options.deferrable.is_some()
            && options.nested.is_some()
    );
    assert_eq!(
        options.retry.unwrap().value,
        Retry::Parts {
            attempts: Some(3),
            base_ms: Some(5),
            cap_ms: Some(2_000)
        }
    );
    assert_eq!(options.timeout.unwrap().value, Timeout::Millis(1_500));
    assert_eq!(options.name.unwrap().value.value(), "a.b");
    let limit = options.max_concurrency.unwrap().value;
    assert_eq!((limit.calls, limit.wait), (8, true));
    assert_eq!(options.isolation.unwrap().value, Isolation::RepeatableRead);
    assert!(matches!(options.db.unwrap().value, Expr::MethodCall(_)));
    assert_eq!(options.krate.unwrap().value.segments.len(), 2);
}

#[test]
fn a_timeout_may_be_none_at_all() {
    assert_eq!(
        valid("timeout = none").timeout.unwrap().value,
        Timeout::None
    );
    for word in [
        "never",
        "None",
        "NONE",
        "non",
        "off",
        "no",
        "null",
        "infinite",
        "Forever",
        "unlimited",
    ] {
        let expected = format!(
            "`{word}` is not a value of `timeout`, did you mean `none`? write `timeout = \"2s\"` or `timeout = none`"
        );
        assert_eq!(messages(&format!("timeout = {word}")), [expected]);
        let expected =
            format!("`{word}` is not a duration; write `timeout = none`, without quotes");
        assert_eq!(messages(&format!("timeout = \"{word}\"")), [expected]);
    }
}

#[test]
fn retry_fills_in_what_is_left_out() {
    let policy = |text: &str| valid(text).retry.unwrap().value;
    assert_eq!(policy("retry = never"), Retry::Never);
    assert_eq!(
        policy("retry(attempts = 2)"),
        Retry::Parts {
            attempts: Some(2),
            base_ms: None,
            cap_ms: None
        }
    );
    assert_eq!(
        policy("retry(base = \"2s\")"),
        Retry::Parts {
            attempts: None,
            base_ms: Some(2_000),
            cap_ms: None
        }
    );
    assert_eq!(
        policy("retry(cap = \"4ms\")"),
        Retry::Parts {
            attempts: None,
            base_ms: None,
            cap_ms: Some(4)
        }
    );
}

#[test]
fn retry_rejects_a_base_above_the_cap() {
    let messages = messages("retry(base = \"2s\", cap = \"1s\")");
    assert!(
        messages[0].contains("`base` (2000 ms) is longer than `cap` (1000 ms)"),
        "{messages:?}"
    );
}

#[test]
fn all_mistakes_are_reported_and_reading_goes_on() {
    let messages = messages(
        "tiemout = \"2s\", retry(attempts = 0, bse = \"1ms\"), timeout = 2, read_only = yes, isolation = serial, nested",
    );
    let parts = [
        "`tiemout` is not an option of `#[transactional]`, did you mean `timeout`?",
        "`attempts` needs a number from 1",
        "`bse` is not an option of `retry(..)`, did you mean `base`?",
        "a duration needs a unit; write for example \"2s\"",
        "`read_only` takes no value; write `read_only` alone",
        "`serial` is not a value of `isolation`; valid here: `serializable`, `repeatable_read` and `read_committed`",
    ];
    assert_eq!(messages.len(), parts.len(), "{messages:#?}");
    for (message, part) in messages.iter().zip(parts) {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn duplicates_point_at_the_second_key() {
    let mut errors = Errors::default();
    parse(
        Attribute::DbOp,
        "read_only, timeout = \"1s\", read_only".parse().unwrap(),
        &mut errors,
    );
    let error = errors.into_errors().pop().unwrap();
    assert_eq!(
        error.to_string(),
        "`read_only` is given twice; remove one of the two"
    );
    assert_eq!(error.span().start().column, 27);
}

#[test]
fn an_option_of_the_other_attribute_says_so() {
    let (_, messages) = parse_all(Attribute::DbOp, "isolation = serializable");
    assert!(
        messages[0].contains("`isolation` is an option of `#[transactional]`"),
        "{messages:?}"
    );
    let (_, messages) = parse_all(Attribute::DbOp, "cache");
    assert!(
        !messages[0].contains("nested"),
        "options of the other attribute are not valid here: {messages:?}"
    );
}

#[test]
fn values_are_checked_one_by_one() {
    for (text, part) in [
        (
            "timeout",
            "`timeout` needs a value; write `timeout = \"2s\"` or `timeout = none`",
        ),
        (
            "timeout =",
            "`timeout` needs a duration in quotes or `none`; write `timeout = \"2s\"` or `timeout = none`",
        ),
        ("timeout = \"2\"", "has no unit"),
        (
            "timeout = true",
            "`timeout` needs a duration in quotes or `none`, as in",
        ),
        (
            "timeout = SECOND",
            "`SECOND` is not a value of `timeout`; write `timeout = \"2s\"` or `timeout = none`",
        ),
        (
            "timeout = Duration::MAX, nested",
            "`Duration` is not a value of `timeout`; write",
        ),
        (
            "retry(base = none)",
            "`base` needs a duration in quotes, as in",
        ),
        ("name = \" \"", "must not be empty"),
        ("name = 3", "`name` needs a string"),
        (
            "max_concurrency = 0",
            "`max_concurrency` needs a number from 1",
        ),
        (
            "max_concurrency = \"8\"",
            "`max_concurrency` needs a whole number",
        ),
        (
            "max_concurrency = 4294967296",
            "`max_concurrency` needs a number from 1",
        ),
        ("crate = 4", "`crate` needs a path"),
        ("db =", "`db` needs an expression"),
        ("retry", "`retry` needs a value"),
        ("retry()", "`retry` has an empty list"),
        ("retry = always", "`always` is not a value of `retry`"),
        ("= 4", "expected the name of an option"),
        ("read_only = true", "`read_only` takes no value"),
        ("read_only idempotent", "expected `,`"),
        ("retry = 3", "`retry` needs `never`"),
        ("db = self., read_only", "`db` needs an expression"),
        ("timeout = \"1s\" nested", "expected `,`"),
    ] {
        let messages = messages(text);
        assert!(
            messages.len() == 1 && messages[0].contains(part),
            "{text}: {messages:?}"
        );
    }
}

/// The tables in the documentation of the two attributes list every option, and no other option.
#[test]
fn every_option_is_documented() {
    let page = include_str!("../../../runtime/guide/options.md");
    let rows = |heading: &str| {
        let (_, table) = page.split_once(heading).unwrap();
        let table = table.split("\n## ").next().unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let names = rows.map(|row| row.split([' ', '`', '(']).next().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    let both = rows("## `#[db_op]` and `#[transactional]`\n");
    let transactional = rows("## `#[transactional]` only\n");
    let known = |attribute: Option<&str>| {
        let of = TABLE.iter().filter(|row| row.only_on == attribute);
        of.map(|row| row.name).collect::<BTreeSet<_>>()
    };
    assert_eq!(both, known(None));
    assert_eq!(transactional, known(Some(Attribute::Transactional.name())));
}

#[track_caller]
fn messages_of_guarded(text: &str) -> Vec<String> {
    parse_all(Attribute::Guarded, text).1
}

#[test]
fn options_about_databases_are_no_options_of_guarded_functions_and_the_message_says_why() {
    for (option, why) in [
        ("read_only", "`retry(..)` declares"),
        ("idempotent", "`retry(..)` declares"),
        ("once = key", "a step of a job"),
        ("db = self.db", "the session of a database"),
        ("on = [Sqlite]", "the session of a database"),
        ("plain = f", "the session of a database"),
        ("callers = scope", "the session of a database"),
        ("isolation = serializable", "a transaction"),
        ("nested", "a transaction"),
        ("deferrable", "a transaction"),
        ("prefer_async", "a plain `fn`"),
        ("in_impl", "a plain `fn`"),
        ("in_trait_impl", "a plain `fn`"),
    ] {
        let messages = messages_of_guarded(option);
        let [message] = &messages[..] else {
            panic!("{option}: {messages:?}");
        };
        assert!(message.contains(why), "{option}: {message}");
    }
    let valid = "`breaker`, `timeout`, `attempt_timeout`, `retry`, `max_concurrency`, `name`, `crate` and `allow`";
    assert_eq!(
        messages_of_guarded("breakr = \"llm\""),
        [format!(
            "`breakr` is not an option of `#[guarded]`, did you mean `breaker`? valid here: {valid}"
        )]
    );
}

#[test]
fn a_breaker_has_a_name_and_an_attempt_a_time() {
    let (options, messages) = parse_all(
        Attribute::Guarded,
        "breaker = \"llm\", attempt_timeout = \"1.5s\"",
    );
    assert_eq!(messages, [] as [&str; 0]);
    assert_eq!(options.breaker.unwrap().value.value(), "llm");
    assert_eq!(options.attempt_timeout.unwrap().value, 1_500);
    for (wrong, message) in [
        ("breaker = \" \"", "must not be empty"),
        ("breaker", "needs a value"),
        ("breaker = llm", "needs a string"),
        ("attempt_timeout = none", "needs a duration"),
        ("attempt_timeout = \"0s\"", "0"),
    ] {
        let found = messages_of_guarded(wrong);
        assert!(found.len() == 1 && found[0].contains(message), "{found:?}");
    }
}

#[test]
fn only_a_written_retry_declares_that_a_guarded_call_may_be_made_again() {
    let declared = |text| parse_all(Attribute::Guarded, text).0.idempotent.is_some();
    assert!(declared("retry(attempts = 2)"));
    assert!(!declared("retry = never") && !declared(""));
}
