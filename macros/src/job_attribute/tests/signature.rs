use super::*;

const SENTENCE: &str = "a transaction cannot live across the steps of a job: a `Tx` would hold a connection for as \
                        long as the job runs, and its COMMIT could not be told apart from the completion of a step";

/// Asserts the message for `async fn pay(..) -> R`.
#[track_caller]
fn assert_parameters_rejected(parameters: &str, part: &str) {
    let function = format!("async fn pay({parameters}) -> R {{ f().await }}");
    assert_rejected("", &function, &[part]);
}

#[test]
fn a_job_takes_its_job_first() {
    let write = "write `async fn pay(job: &Job<Sqlite>, ..)`";
    for parameters in ["", "id: i64", "llm: &Llm, job: i64", "&self, job: i64"] {
        assert_parameters_rejected(parameters, write);
    }
    assert_parameters_rejected(
        "job: &Job",
        "`Job` needs the database on which the job runs",
    );
    assert_parameters_rejected("job: Job<Postgres>", "write `&Job<Postgres>`");
    assert_parameters_rejected("job: &mut Job<Sqlite>", "write `&Job<Sqlite>`");
    assert_parameters_rejected(
        "job: &Job<Sqlite>, other: &Job<Sqlite>",
        "takes its `Job` once",
    );
}

#[test]
fn a_message_names_the_database_that_dbop_is_built_for() {
    let postgres = &[Database::Postgres];
    let function = "async fn pay() -> R { f() }";
    assert_rejected_for(postgres, "", function, &["(job: &Job<Postgres>, ..)"]);
}

#[test]
fn a_job_takes_no_session() {
    for session in [
        "tx: &mut Tx<'_, Sqlite>",
        "conn: &mut Conn<'_, Sqlite>",
        "tx: &mut sqlx::Transaction<'_, Sqlite>",
        "tx: Transaction<'static, Sqlite>",
        "conn: &mut PgConnection",
        "conn: SqliteConnection",
        "conn: PoolConnection<Sqlite>",
        "tx: impl Scope<Sqlite>",
        "e: impl PgExecutor<'_>",
        "tx: Option<&mut Transaction<'_, Sqlite>>",
    ] {
        assert_parameters_rejected(session, SENTENCE);
        assert_parameters_rejected(&format!("job: &Job<Sqlite>, id: i64, {session}"), SENTENCE);
    }
}

#[test]
fn a_message_about_a_session_names_the_database_of_the_session() {
    for (session, database) in [
        ("tx: &mut Tx<'_, Postgres>", "Postgres"),
        ("tx: &mut Tx<'_, Sqlite>", "Sqlite"),
        ("conn: &mut PgConnection", "Postgres"),
        ("tx: &mut Tx<'_, DB>", "DB"),
    ] {
        assert_parameters_rejected(session, &format!("Take `job: &Job<{database}>`"));
    }
}

#[test]
fn a_job_has_its_handle_already() {
    for handle in [
        "db: &Db<Sqlite>",
        "db: Pool<Postgres>",
        "db: &PgPool",
        "db: AnyDb",
    ] {
        let write = "without `db`, and write `job.db()` where a handle is needed";
        assert_parameters_rejected(handle, write);
        assert_parameters_rejected(&format!("job: &Job<Sqlite>, {handle}"), write);
    }
}

#[test]
fn types_of_the_application_with_the_names_of_sessions_are_no_sessions() {
    let function = "async fn pay(job: &Job<Sqlite>, transaction: Transaction, redis: &Pool<Redis>, db: &Db) -> R { f() }";
    assert!(written("", function).contains("db:&Db)->R"));
}

#[test]
fn state_is_shared_and_arguments_are_owned() {
    let job = |parameter: &str| format!("job: &Job<Sqlite>, {parameter}");
    for (parameter, part) in [
        (
            "llm: &mut Llm",
            "take `&Llm`, or an argument by value: `Llm`",
        ),
        ("name: &str", "take `String`"),
        ("ids: &[i64]", "take `Vec<i64>`"),
        ("pair: &(i64, i64)", "take `(i64 , i64)`"),
        ("name: &String", "take `String`"),
        ("id: &i64", "take `i64`"),
        ("clock: &dyn Clock", "such as a struct that holds this"),
        ("clock: &&Clock", "such as a struct that holds this"),
        ("llm: &'a Llm", "remove `'a`"),
        ("llm: &'static Llm", "remove `'static`"),
        (
            "name: Option<&str>",
            "an argument is stored with the job, and borrows nothing",
        ),
        ("name: Cow<'a, str>", "remove `'a`"),
        (
            "names: impl IntoIterator<Item = i64>",
            "write a type in place of `impl`",
        ),
        ("(a, b): (i64, i64)", "an argument is stored under its name"),
        ("_: i64", "an argument is stored under its name"),
        ("ref id: i64", "an argument is stored under its name"),
        ("#[cfg(x)] id: i64", "both have the same parameters"),
        ("repository: &Repository<DB>", "leave `DB` out of the type"),
    ] {
        assert_parameters_rejected(&job(parameter), part);
    }
    let fine = "async fn pay(_: &Job<Sqlite>, _: &Llm, rules: &Vec<Rule>, name: Cow<'static, str>, f: fn(&str)) -> R { f() }";
    assert!(!expanded("", fine).contains("compile_error"));
}

#[test]
fn a_job_is_a_free_async_function_that_returns_a_result() {
    for (function, part) in [
        (
            "fn pay(job: &Job<Sqlite>) -> R { f() }",
            "write `async fn pay`",
        ),
        (
            "async unsafe fn pay(job: &Job<Sqlite>) -> R { f() }",
            "remove `unsafe`",
        ),
        (
            "async fn pay<T>(job: &Job<Sqlite>, id: T) -> R { f() }",
            "a job has no generics",
        ),
        (
            "async fn pay<'a>(job: &Job<Sqlite>) -> R { f() }",
            "a job has no generics",
        ),
        (
            "async fn pay(job: &Job<Sqlite>) -> R where i64: Copy { f() }",
            "no generics to which this `where`",
        ),
        (
            "async fn pay(job: &Job<Sqlite>) { f() }",
            "a job returns a `Result`",
        ),
        (
            "async fn pay(job: &Job<Sqlite>) -> i64 { f() }",
            "a job returns a `Result`",
        ),
        (
            "async fn pay(job: &Job<Sqlite>) -> (R, R) { f() }",
            "a job returns a `Result`",
        ),
        (
            "async fn pay(job: &Job<Sqlite>) -> impl Future { f() }",
            "a job returns a `Result`",
        ),
        (
            "async fn pay(job: &Job<Sqlite>) -> Self { f() }",
            "`Self` is no type",
        ),
        (
            "async fn pay(job: &Job<Sqlite>) -> R { Self::f() }",
            "`Self` is no type",
        ),
        (
            "async fn pay(&self) -> R { f() }",
            "a job is a free function",
        ),
    ] {
        assert_rejected("", function, &[part]);
    }
    let item = "async fn pay(job: &Job<Sqlite>) -> PlanResult<()> { impl A { fn new() -> Self { A } } f() }";
    assert!(!expanded("", item).contains("compile_error"));
}

#[test]
fn only_a_function_can_be_a_job() {
    let found = expanded("", "struct Pay;");
    assert!(
        found.contains("`#[job]` stands on an `async fn` with a body"),
        "{found}"
    );
    assert!(found.ends_with("struct Pay ;"), "{found}");
}

#[test]
fn a_function_is_a_job_or_an_operation() {
    let below = "#[dbop::transactional(retry = never)] async fn pay(job: &Job<Sqlite>, tx: &mut Tx<'_, Sqlite>) -> R { f() }";
    assert_rejected("", below, &["remove `#[transactional]`"]);
    assert!(
        !expanded("", below).contains("retry = never"),
        "nothing else is said"
    );
    let above = "async fn pay(job: &Job<Sqlite>) -> R { static __DBOP_OP: u8 = 0; f() }";
    assert_rejected("", above, &["remove `#[db_op]`"]);
}

#[test]
fn a_lint_level_is_no_attribute_of_a_job() {
    let function = "#[dbop::allow(foreign_await)] async fn pay(job: &Job<Sqlite>) -> R { f() }";
    assert_rejected(
        "",
        function,
        &["write this on the operations that the job calls"],
    );
}

#[test]
fn the_option_on_and_the_name_db_go_together() {
    let db = "async fn pay(job: &Job<DB>) -> R { f() }";
    assert_rejected("", db, &["add `on = [Sqlite, Postgres]` to `#[job]`"]);
    let named = "async fn pay(job: &Job<Sqlite>) -> R { f() }";
    assert_rejected(
        "on = [Sqlite]",
        named,
        &["write `job: &Job<DB>`, or remove `on`"],
    );
}

#[test]
fn a_database_that_dbop_is_not_built_for_is_named_with_its_feature() {
    let feature = &["needs dbop's feature `postgres`"];
    let each = "async fn pay(job: &Job<DB>) -> R { f() }";
    assert_rejected_for(SQLITE, "on = [Postgres]", each, feature);
    let named = "async fn pay(job: &Job<Postgres>) -> R { f() }";
    assert_rejected_for(SQLITE, "", named, feature);
}

#[test]
fn all_mistakes_of_a_job_are_reported_at_once() {
    let function = "fn pay(job: &Job, name: &str) { f() }";
    let parts = [
        "did you mean `queue`",
        "async fn pay",
        "`Job` needs",
        "take `String`",
        "a `Result`",
    ];
    assert_rejected("quue = \"a\"", function, &parts);
}

#[test]
fn callers_and_editors_find_the_type_and_the_function_of_a_job_with_mistakes() {
    let found = expanded("quue = 1", "pub async fn pay(job: &Job<DB>) -> R { f() }");
    let found: String = found.split_whitespace().collect();
    assert!(found.contains("pubenumpay{}"), "{found}");
    assert!(
        found.contains("const_:()={typeDB=::dbop::__private0::Sqlite;"),
        "{found}"
    );
    assert!(found.contains("#[allow(unused)]pubasyncfnpay("), "{found}");
}
