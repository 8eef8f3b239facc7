use super::*;

const FUNCTION: &str = "async fn pay(job: &Job<Sqlite>, llm: &Llm, customer_id: i64, title: String) -> R { f(job).await }";

#[track_caller]
fn assert_options(options: &str, calls: &str) {
    let expected = format!("fn options() -> P::JobOptions {{ P::JobOptions::new(){calls} }}");
    assert_writes(options, FUNCTION, &expected);
}

#[test]
fn every_option_reaches_the_runtime() {
    assert_options("", "");
    assert_options(
        "name = \"mail.pay\", queue = \"mail\", priority = 2, max_attempts = 5, timeout = \"10m\", delay = \"10s\", \
         backoff(base = \"1s\", max = \"1h\"), discarded = mail::tell, idempotent",
        ".queue(\"mail\").priority(2).max_attempts(5).timeout_ms(600000).delay_ms(10000)
         .backoff_ms(1000, 3600000)
         .discarded(<mail::tell as P::JobKind>::KIND, <mail::tell as P::JobKind>::options).idempotent()",
    );
    assert_writes("name = \"mail.pay\"", FUNCTION, "kind: \"mail.pay\"");
    let check = "const _: fn() = || P::takes_discarded::<mail::tell>();";
    assert_writes("discarded = mail::tell", FUNCTION, check);
}

#[test]
fn unique_says_by_what_jobs_count_as_the_same() {
    let all = ".unique(P::Unique::new().all_arguments())";
    assert_options("unique", all);
    assert_options("unique(args)", all);
    assert_options(
        "unique(period = \"1h\")",
        ".unique(P::Unique::new().period_ms(3600000))",
    );
    assert_options(
        "unique(args = [customer_id], period = \"1s\", queue, states = [available, pending, running, scheduled, retryable])",
        ".unique(P::Unique::new().arguments(&[\"customer_id\"]).period_ms(1000).queue().states(&[
            P::JobState::Available, P::JobState::Pending, P::JobState::Running, P::JobState::Scheduled,
            P::JobState::Retryable
        ]))",
    );
}

#[test]
fn a_limit_has_a_key_of_arguments_or_is_one_of_the_kind() {
    assert_writes(
        "concurrency(limit = 2, key = customer_id)",
        FUNCTION,
        "fn concurrency(__arguments: &__Arguments) -> P::core::option::Option<P::Concurrency> {
            let __Arguments { customer_id, title } = __arguments;
            P::core::option::Option::Some(P::Concurrency::new(2, P::limit_key(&(customer_id))))
        }",
    );
    assert_writes(
        "concurrency(limit = 2)",
        FUNCTION,
        "P::core::option::Option::Some(P::Concurrency::of_kind(2))",
    );
    let rate = "rate(limit = 10, per = \"1m\", key = format!(\"{title}\"))";
    let new = "P::Rate::new(10, 60000, P::limit_key(&(format!(\"{title}\"))))";
    assert_writes(rate, FUNCTION, new);
    assert_writes(
        "rate(limit = 10, per = \"1m\")",
        FUNCTION,
        "P::Rate::of_kind(10, 60000)",
    );
    let none = written("", FUNCTION);
    assert!(
        !none.contains("fnconcurrency") && !none.contains("fnrate"),
        "{none}"
    );
}

#[test]
fn a_job_with_a_schedule_is_due_by_itself() {
    let function = "async fn nightly(job: &Job<Sqlite>, llm: &Llm) -> R { f(job).await }";
    let due = "scheduled: P::core::option::Option::Some(P::schedule_of::<nightly>)";
    for (options, call) in [
        (
            "schedule = \"0 3 * * *\"",
            ".schedule(\"0 3 * * *\", P::core::option::Option::None)",
        ),
        (
            "schedule(cron = \"0 3 * * *\", time_zone = \"Europe/Berlin\")",
            ".schedule(\"0 3 * * *\", P::core::option::Option::Some(\"Europe/Berlin\"))",
        ),
    ] {
        assert_writes(options, function, due);
        assert_writes(options, function, call);
    }
}

#[test]
fn a_schedule_is_for_jobs_without_arguments() {
    assert_rejected(
        "schedule = \"0 3 * * *\"",
        FUNCTION,
        &["a schedule has no arguments to give, and `pay` takes `customer_id` and `title`"],
    );
}

#[test]
fn a_mistake_in_an_option_names_the_option_and_shows_a_valid_one() {
    for (options, part) in [
        ("quue = \"mail\"", "did you mean `queue`?"),
        (
            "queue = \"mail\", queue = \"mail\"",
            "`queue` is given twice",
        ),
        ("name = \"m\"", "such a name has 2 to 127 bytes"),
        (
            "name = \"-mail\"",
            "starts with a letter from a to z, a digit or `_`",
        ),
        ("name = \"my mail\"", "such a name has no ` `"),
        ("queue = \"\"", "such a name has 1 to 64 characters"),
        (
            "queue = \"my mail\"",
            "only letters from a to z, digits, `_` and `-`",
        ),
        (
            "queue = \"_mail\"",
            "starts and ends with a letter or a digit",
        ),
        (
            "queue = mail",
            "`queue` needs a string, as in `queue = \"mail\"`",
        ),
        ("priority = 5", "`priority` needs a number from 1 to 4"),
        (
            "max_attempts = 0",
            "`max_attempts` needs a number from 1 to 32767",
        ),
        (
            "max_attempts = 32768",
            "`max_attempts` needs a number from 1 to 32767",
        ),
        (
            "timeout = none",
            "`timeout` needs a duration in quotes, as in `timeout = \"10m\"`",
        ),
        ("delay = 10", "write for example \"10s\""),
        ("idempotent = true", "`idempotent` takes no value"),
    ] {
        assert_rejected(options, FUNCTION, &[part]);
    }
}

#[test]
fn a_mistake_inside_of_an_option_names_what_is_wrong_there() {
    for (options, part) in [
        ("unique()", "`unique` has an empty list"),
        ("unique = true", "`unique` takes no value"),
        (
            "unique(period = \"500ms\")",
            "`period` is at least one second",
        ),
        ("unique(args = customer_id)", "`args` needs a list"),
        ("unique(args = [title, title])", "`title` is named twice"),
        ("unique(args = [custmer_id])", "did you mean `customer_id`?"),
        (
            "unique(args = [llm])",
            "`llm` is not an argument of this job",
        ),
        ("unique(queue = \"mail\")", "`queue` takes no value"),
        ("unique(states = [runing])", "did you mean `running`?"),
        (
            "unique(states = [available, running])",
            "leaves out `pending` and `scheduled`",
        ),
        (
            "backoff = \"1s\"",
            "`backoff` needs a list of options; write `backoff(base",
        ),
        (
            "backoff(base = \"1s\")",
            "`backoff` needs a `base` and a `max`",
        ),
        (
            "backoff(base = \"1h\", max = \"1s\")",
            "`base` (3600000 ms) is longer than `max`",
        ),
        ("concurrency = 2", "`concurrency` needs a list of options"),
        ("concurrency(key = title)", "`concurrency` needs a `limit`"),
        ("concurrency(limit = 0)", "`limit` needs a number from 1"),
        (
            "concurrency(limit = 2, per = \"1m\")",
            "`per` is not an option of `concurrency(..)`",
        ),
        (
            "rate(limit = 2)",
            "`rate` needs a `limit` and a time in `per`",
        ),
        ("schedule = \"@daily\"", "cron has five fields"),
        (
            "schedule(time_zone = \"Europe/Berlin\")",
            "`schedule` needs a `cron`",
        ),
        (
            "discarded = \"tell\"",
            "`discarded` needs a path, as in `discarded = tell_support`",
        ),
        ("on = [Mysql]", "`Mysql` is not a value of `on`"),
    ] {
        assert_rejected(options, FUNCTION, &[part]);
    }
    let alone = "async fn nightly(job: &Job<Sqlite>) -> R { f(job).await }";
    assert_rejected(
        "unique(args = [id])",
        alone,
        &["this job, which has none; remove `args`"],
    );
}

#[test]
fn the_name_of_a_function_is_that_of_its_job_only_if_the_database_can_keep_the_name() {
    let one = "async fn f(job: &Job<Sqlite>) -> R { g(job).await }";
    assert_rejected("", one, &["`f` cannot be the name of a job"]);
    assert!(written("name = \"mail.f\"", one).contains("enumf{}"));
    let other = "async fn größe(job: &Job<Sqlite>) -> R { g(job).await }";
    assert_rejected("", other, &["such a name has no `ö`"]);
}
