use super::*;

#[test]
fn a_job_is_a_type_with_functions_that_enqueue_and_a_body_that_a_worker_runs() {
    let found = written(
        "queue = \"planning\"",
        "/// Docs.
        #[instrument]
        pub async fn generate(job: &Job<Sqlite>, llm: &Llm, mut cycle_id: i64, title: String) -> Result<S, E> { f(job).await }",
    );
    let parts = [
        "#[allow(non_camel_case_types)] #[derive(P::core::fmt::Debug)] pub enum generate {}
        const _: () = {",
        "#[derive(P::serde::Serialize, P::serde::Deserialize)]
        #[serde(crate = \"P::serde\")]
        pub struct __Arguments { cycle_id: i64, title: String }
        impl P::JobKind for generate {
            const KIND: & 'static str = \"generate\";
            type Arguments = __Arguments;
            type On = Sqlite;
            fn options() -> P::JobOptions { P::JobOptions::new().queue(\"planning\") }
        }",
        "pub fn new(cycle_id: i64, title: String) -> P::NewJob<generate, Sqlite> {
            P::NewJob::<generate, Sqlite>::of(__Arguments { cycle_id, title })
        }",
        "pub async fn enqueue(scope: impl P::Scope<Sqlite>, cycle_id: i64, title: String) -> P::Result<P::Enqueued> {
            Self::new(cycle_id, title).enqueue(scope).await
        }",
        "pub async fn enqueue_many(
            scope: impl P::Scope<Sqlite>,
            jobs: impl P::core::iter::IntoIterator<Item = P::NewJob<generate, Sqlite>>,
        ) -> P::Result<::std::vec::Vec<P::Enqueued>> {
            P::NewJob::<generate, Sqlite>::enqueue_many(scope, jobs).await
        }",
        "#[instrument] #[allow(clippy::unused_async)]
        async fn generate(job: &Job<Sqlite>, llm: &Llm, mut cycle_id: i64, title: String) -> Result<S, E> { f(job).await }",
        "impl P::RunsOn<Sqlite> for generate {
            fn run(__job: P::Job<Sqlite>, __arguments: __Arguments) -> P::BoxFuture<'static, P::Ended> {
                P::Box::pin(async move {
                    let __Arguments { cycle_id, title } = __arguments;
                    let __state_0 = __job.state::<Llm>();
                    let __result = generate(&__job, &__state_0, cycle_id, title).await;
                    P::Ended::of(&__job, __result)
                })
            }
        }
        static __JOB_ON_ITS_DATABASE: P::JobBody<Sqlite> = P::JobBody::of::<generate>();",
        "P::inventory::submit! { P::Registration {
            kind: \"generate\",
            file: P::core::file!(),
            line: P::core::line!(),
            options: <generate as P::JobKind>::options,
            bodies: &[&__JOB_ON_ITS_DATABASE],
            states: &[P::StateType::of::<Llm>],
            scheduled: P::core::option::Option::None,
        } }",
    ];
    for part in parts {
        let part = bare(part);
        assert!(found.contains(&part), "{part}\n{found}");
    }
    assert_eq!(found.matches("Docs.").count(), 1, "{found}");
}

#[test]
fn a_job_without_arguments_stores_an_empty_object() {
    let function = "async fn nightly(job: &Job<Sqlite>) -> R { f(job).await }";
    assert_writes("", function, "pub struct __Arguments {}");
    assert_writes(
        "",
        function,
        "#[derive(P::core::default::Default)] #[derive(P::serde::Serialize,",
    );
    assert_writes("", function, "let __Arguments {} = __arguments;");
    assert_writes("", function, "fn new() -> P::NewJob<nightly, Sqlite>");
}

#[test]
fn a_job_that_names_db_is_compiled_for_each_database_of_the_option() {
    let function = "pub(crate) async fn tidy(job: &Job<DB>, id: i64) -> R { f(job).await }";
    let found = written("on = [Sqlite, Postgres]", function);
    for part in [
        "type On = P::EitherDatabase;",
        "pub(crate) async fn enqueue(scope: impl P::AnyScope, id: i64)",
        "const _: () = { type DB = P::Sqlite; #[allow(unused_imports)] use ::dbop::Backend as _;
            #[allow(clippy::unused_async)] async fn tidy(job: &Job<DB>, id: i64)",
        "type DB = P::Postgres;",
        "impl P::RunsOn<P::Postgres> for tidy",
        "static __JOB_ON_SQLITE: P::JobBody<P::Sqlite> = P::JobBody::of::<tidy>();",
        "bodies: &[&__JOB_ON_SQLITE, &__JOB_ON_POSTGRES]",
    ] {
        assert!(found.contains(&bare(part)), "{part}\n{found}");
    }
    for once in [
        "pubstruct__Arguments",
        "JobKindfor",
        "implP::RunsOn<P::Sqlite>",
    ] {
        assert_eq!(found.matches(once).count(), 1, "{once}: {found}");
    }
}

#[test]
fn a_job_for_one_database_of_the_option_takes_a_scope_of_that_database() {
    let function = "async fn tidy(job: &Job<DB>) -> R { f(job).await }";
    let found = written("on = [Postgres]", function);
    assert!(found.contains("typeOn=P::Postgres;"), "{found}");
    assert!(found.contains("implP::Scope<P::Postgres>"), "{found}");
    assert!(!found.contains("SQLITE"), "{found}");
}

#[test]
fn a_database_that_dbop_is_not_built_for_has_no_body() {
    let function = "async fn tidy(job: &Job<DB>) -> R { f(job).await }";
    let found = bare(&expanded_for(SQLITE, "on = [Sqlite, Postgres]", function));
    assert!(
        found.contains("__JOB_ON_SQLITE") && !found.contains("POSTGRES"),
        "{found}"
    );
    assert!(
        found.contains("EitherDatabase"),
        "callers stay as they are: {found}"
    );
}

#[test]
fn a_raw_name_is_stored_without_its_mark() {
    let function = "async fn r#gen(job: &Job<Sqlite>, r#type: String) -> R { f(job).await }";
    let found = written("unique(args = [r#type])", function);
    assert!(found.contains("KIND:&'staticstr=\"gen\""), "{found}");
    assert!(found.contains(".arguments(&[\"type\"])"), "{found}");
    assert!(
        found.contains("{r#type:String}"),
        "serde leaves the mark out: {found}"
    );
}

#[test]
fn a_job_that_takes_what_was_discarded_stores_it_under_a_name_that_the_runtime_knows() {
    let found = written(
        "",
        "async fn tell(job: &Job<Sqlite>, gone: dbop::Discarded) -> R { f() }",
    );
    assert!(
        found.contains("#[serde(rename=\"discarded\")]gone:dbop::Discarded"),
        "{found}"
    );
    assert!(
        found.contains("implP::TakesDiscardedfor__Arguments{}"),
        "{found}"
    );
    let two = "async fn tell(job: &Job<Sqlite>, gone: Discarded, more: i64) -> R { f() }";
    assert!(!written("", two).contains("TakesDiscardedfor"));
}

#[test]
fn the_crate_may_have_another_name() {
    let function = "async fn tidy(job: &Job<Sqlite>) -> R { f(job).await }";
    let found = written("crate = my::db", function);
    assert!(
        found.contains("#[serde(crate=\"my::db::__private0::serde\")]"),
        "{found}"
    );
    assert!(!found.contains("P::"), "{found}");
}

#[test]
fn what_says_in_which_builds_there_is_a_function_says_so_of_the_job() {
    let function =
        "#[cfg(x)] #[allow(lint)] #[must_use] async fn tidy(job: &Job<Sqlite>) -> R { f() }";
    let found = written("", function);
    assert!(
        found.starts_with("#[cfg(x)]#[allow(lint)]#[allow(non_camel"),
        "{found}"
    );
    assert!(found.contains("#[cfg(x)]const_:()={"), "{found}");
    assert!(
        found.contains("#[allow(lint)]#[must_use]#[allow(clippy::unused_async)]asyncfn"),
        "{found}"
    );
}

#[test]
fn a_half_typed_body_is_written_as_it_is() {
    let found = expanded("", "async fn tidy(job: &Job<Sqlite>) -> R { job. }");
    assert!(
        !found.contains("compile_error") && found.contains("{ job . }"),
        "{found}"
    );
}

#[test]
fn a_step_that_uses_a_question_mark_and_says_no_error_has_the_error_of_the_job() {
    assert_writes(
        "",
        "async fn go(job: &Job<Sqlite>) -> Result<(), E> {
            job.write(\"a\", async |tx| { g(tx).await?; Ok(()) }).await
        }",
        "job.write(\"a\", async |tx| -> P::core::result::Result<_, <Result<(), E> as P::JobResult>::Error> {
            g(tx).await?; Ok(())
        }).await",
    );
    assert_writes(
        "",
        "async fn go(job: &Job<Sqlite>) -> R { job.call(\"a\", async |key| Ok(g(key).await?)).await }",
        "job.call(\"a\", async |key| -> P::core::result::Result<_, <R as P::JobResult>::Error> { Ok(g(key).await?) }).await",
    );
    for step in [
        "job.write(\"a\", async |tx| g(tx).await).await",
        "job.write(\"a\", async |tx| { g(tx).await }).await",
        "job.write(\"a\", async |tx| -> Result<(), F> { g(tx).await?; Ok(()) }).await",
        "job.write(\"a\", async |tx| { h(async { g().await? }).await }).await",
        "other.write(\"a\", async |tx| { g(tx).await?; Ok(()) }).await",
    ] {
        let function = format!("async fn go(job: &Job<Sqlite>) -> Result<(), E> {{ {step} }}");
        assert_writes("", &function, step);
    }
}
