use super::{assert_expands, assert_rejected, expanded};
use crate::options::Attribute::Guarded;

#[test]
fn a_guarded_function_without_retries() {
    assert_expands(
        Guarded,
        "breaker = \"llm\", timeout = \"2s\"",
        "/// Docs.
        pub async fn f<T: Send>(&self, words: &str, (a, b): (i64, T)) -> Result<usize, E> { g(words).await }",
        "/// Docs.
        pub async fn f<T: Send>(&self, words: &str, (a, b): (i64, T)) -> Result<usize, E> {
            static __DBOP_OP: P::Op = P::Op::guarded(\"f\", P::core::file!(), P::core::line!()).timeout_ms(2000u64).breaker(\"llm\");
            let mut __call = P::Guarded::<Result<usize, E>>::new(&__DBOP_OP);
            if let P::core::option::Option::Some(__attempt) = __call.begin().await {
                let __body = __attempt.body();
                let __result = __body.run(async move {
                    if false { return P::fake_return::<Result<usize, E>>(); }
                    match () { () => { g(words).await } }
                }).await;
                __attempt.end(__result).await;
            }
            __call.finish()
        }",
    );
}

#[test]
fn a_guarded_function_with_retries_gets_its_arguments_for_each_attempt() {
    assert_expands(
        Guarded,
        "retry(attempts = 3), attempt_timeout = \"1s\", max_concurrency = 8, name = \"model.ask\"",
        "async fn f(words: &str, key: String) -> Result<usize, E> { g(words, key).await }",
        "async fn f(words: &str, key: String) -> Result<usize, E> {
            static __DBOP_OP: P::Op = P::Op::guarded(\"model.ask\", P::core::file!(), P::core::line!())
                .idempotent().retry().retry_attempts(3u32).max_concurrency(8, true).attempt_timeout_ms(1000u64);
            let mut __call = P::Guarded::<Result<usize, E>>::new(&__DBOP_OP);
            let mut __kept_key = P::Arg::new(key);
            while let P::core::option::Option::Some(__attempt) = __call.begin().await {
                let __this_key = P::replay(&mut __kept_key, &__attempt);
                let __body = __attempt.body();
                let __result = __body.run(async {
                    let key = __this_key;
                    if false { return P::fake_return::<Result<usize, E>>(); }
                    match () { () => { g(words, key).await } }
                }).await;
                __attempt.end(__result).await;
            }
            __call.finish()
        }",
    );
}

#[test]
fn a_field_with_the_name_of_a_transaction_does_not_keep_a_guarded_function_from_its_retries() {
    let function = "async fn f(&self) -> Result<usize, E> { self.tx.send().await }";
    let retried = expanded(Guarded, "retry(attempts = 3)", function);
    assert!(retried.contains("while let"), "{retried}");
}

#[test]
fn sessions_are_rejected_whatever_they_are() {
    for parameter in [
        "tx: &mut Tx<'_, Sqlite>",
        "conn: &mut dbop::Conn<'_, Postgres>",
        "conn: &mut PgConnection",
        "tx: &mut sqlx::Transaction<'_, Sqlite>",
        "tx: Option<&mut Transaction<'_, Sqlite>>",
        "pool: &PgPool",
        "pool: Arc<SqlitePool>",
        "pool: &Pool<Postgres>",
        "executor: impl PgExecutor<'_>",
        "#[session] other: Alias",
    ] {
        let function =
            format!("async fn f({parameter}) -> Result<usize, E> {{ g(&mut *conn).await }}");
        assert_rejected(Guarded, "", &function, &["write `#[db_op]`"]);
    }
    let generic = "async fn f<'e, X: PgExecutor<'e>>(x: X) -> Result<usize, E> { g(x).await }";
    assert_rejected(Guarded, "", generic, &["write `#[db_op]`"]);
}

#[test]
fn what_only_looks_like_a_session_is_an_argument() {
    for parameter in [
        "conn: &mut redis::aio::MultiplexedConnection",
        "pool: &Pool<RedisManager>",
        "tx: mpsc::Sender<String>",
        "tools: &impl ToolExecutor",
        "db: &Db<Sqlite>",
    ] {
        let function = format!("async fn f({parameter}) -> Result<usize, E> {{ g().await }}");
        let written = expanded(Guarded, "", &function);
        assert!(!written.contains("compile_error"), "{written}");
    }
}

#[test]
fn a_function_that_is_not_async_or_guarded_twice_is_rejected() {
    let plain = "fn f(words: &str) -> Result<usize, E> { g(words) }";
    assert_rejected(Guarded, "", plain, &["write `async fn f`"]);
    let streamed = "fn f(words: &str) -> BoxStream<'_, Result<usize, E>> { g(words) }";
    assert_rejected(Guarded, "", streamed, &["for each item of a stream"]);
    let nothing = "async fn f(words: &str) { g(words).await }";
    assert_rejected(
        Guarded,
        "",
        nothing,
        &["a call of another service can fail"],
    );
    let both = "#[db_op] async fn f(words: &str) -> Result<usize, E> { g(words).await }";
    assert_rejected(Guarded, "", both, &["write two functions"]);
}
