use crate::options::Attribute::{self, DbOp, Transactional};

mod each_database;
mod guarded;
mod two_way;

pub(super) fn expanded(attribute: Attribute, options: &str, function: &str) -> String {
    crate::expand_operation(
        attribute,
        options.parse().unwrap(),
        function.parse().unwrap(),
    )
    .to_string()
}

/// Compares tokens, whatever their spacing.
#[track_caller]
pub(super) fn assert_expands(attribute: Attribute, options: &str, function: &str, expected: &str) {
    let bare = |text: &str| {
        text.parse::<proc_macro2::TokenStream>()
            .unwrap()
            .to_string()
            .split_whitespace()
            .collect::<String>()
    };
    let found = expanded(attribute, options, function);
    assert_eq!(
        bare(&found),
        bare(&expected.replace("P::", "::dbop::__private0::")),
        "{found}"
    );
}

#[track_caller]
pub(super) fn assert_rejected(attribute: Attribute, options: &str, function: &str, parts: &[&str]) {
    let found = expanded(attribute, options, function);
    assert_eq!(
        found.matches("compile_error").count(),
        parts.len(),
        "{found}"
    );
    for part in parts {
        assert!(found.contains(part), "{part}: {found}");
    }
    let body = function.split_once(['{', ';']).unwrap().1;
    let bare = |text: &str| text.split([' ', '}']).collect::<String>();
    assert!(
        bare(&found).ends_with(&bare(body)),
        "the body stays for editors: {found}"
    );
}

#[test]
fn an_operation_that_only_reads_on_the_drivers_connection_says_so() {
    let says_so = |options, session: &str| {
        let function = format!("async fn f({session}) -> Result<usize, E> {{ g(conn).await }}");
        expanded(DbOp, options, &function).contains("lends_connection")
    };
    assert!(says_so("read_only", "conn: &mut SqliteConnection"));
    assert!(says_so("read_only", "#[session] conn: &mut Session"));
    assert!(!says_so("", "conn: &mut SqliteConnection"));
    assert!(!says_so("read_only", "conn: &mut Conn<'_, Sqlite>"));
}

#[test]
fn a_timeout_of_none_is_not_the_default_one() {
    let function = "async fn f(conn: &mut Conn<'_, Sqlite>) -> Result<usize, E> { g(conn).await }";
    let expansion = |options| expanded(DbOp, options, function).replace(' ', "");
    assert!(expansion("timeout = none").contains("line!()).timeout_none();"));
    assert!(!expansion("").contains("timeout"));
}

#[test]
fn a_replayed_transaction() {
    assert_expands(
        Transactional,
        "timeout = \"2s\", isolation = serializable",
        "/// Docs.
        pub async fn f(&self, tx: &mut Tx<'_, Sqlite>, mut v: Vec<i64>, (a, b): (i64, String), #[cfg(x)] c: u8) -> Result<usize, E> { v.push(a); g(tx).await }",
        "/// Docs.
        pub async fn f(&self, tx: impl ::dbop::Scope<Sqlite>, v: Vec<i64>, __3: (i64, String), #[cfg(x)] c: u8) -> Result<usize, E> {
            static __DBOP_OP: P::Op = P::Op::transaction(\"f\", P::core::file!(), P::core::line!())
                .timeout_ms(2000u64).isolation(P::Isolation::Serializable);
            let mut __call = P::Call::<_, Sqlite, Result<usize, E>>::transaction(&__DBOP_OP, tx);
            let mut __kept_v = P::Arg::new(v);
            let mut __kept_3 = P::Arg::new(__3);
            #[cfg(x)] let mut __kept_c = P::Arg::new(c);
            while let P::core::option::Option::Some(mut __attempt) = __call.begin().await {
                let __this_v = P::replay(&mut __kept_v, &__attempt);
                let __this_3 = P::replay(&mut __kept_3, &__attempt);
                #[cfg(x)] let __this_c = P::replay(&mut __kept_c, &__attempt);
                let __body = __attempt.body();
                let mut __session = __attempt.tx();
                let __result = __body.run(async {
                    let tx: &mut Tx<'_, Sqlite> = P::lend(&mut __session);
                    let mut v = __this_v;
                    let (a, b) = __this_3;
                    #[cfg(x)] let c = __this_c;
                    if false { return P::fake_return::<Result<usize, E>>(); }
                    match () { () => { v.push(a); g(tx).await } }
                }).await;
                __attempt.end(__result).await;
            }
            __call.finish()
        }",
    );
}

#[test]
fn a_transaction_that_takes_effect_once_for_each_key() {
    let body = "{
        static __DBOP_OP: P::Op = P::Op::transaction(\"f\", P::core::file!(), P::core::line!()).once();
        let __key = P::OnceKey::new(P::core::any::type_name_of_val(&|| {}), P::core::any::type_name_of_val(&tx), &(o.id));
        let __key = __key.with(\"o\", &(o));
        #[cfg(x)] #[allow(clippy::used_underscore_binding)] let __key = __key.with(\"_n\", &(_n));
        let mut __call = P::Call::<_, Sqlite, R>::transaction(&__DBOP_OP, tx).once(__key);";
    let found = expanded(
        Transactional,
        "once = o.id",
        "async fn f(&self, tx: &mut Tx<'_, Sqlite>, o: O, #[cfg(x)] _n: u8, #[once(skip)] clock: &Clock) -> R { g(tx).await }",
    );
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let body = bare(&body.replace("P::", "::dbop::__private0::"));
    assert!(bare(&found).contains(&body), "{found}");
    assert!(!found.contains("once (skip)"), "{found}");
    let named = expanded(
        Transactional,
        "once = 7, name = \"orders.pay\"",
        "async fn f(tx: &mut Tx<'_, Sqlite>) -> R { g(tx).await }",
    );
    assert!(bare(&named).contains("OnceKey::named(&(7))"), "{named}");
}

#[test]
fn one_attempt_keeps_arguments_where_they_are() {
    assert_expands(
        DbOp,
        "retry = never, db = self.db, read_only",
        "async fn f<'a>(mut self, mut conn: &'a mut PgConnection, (a, b): (u8, &mut u8)) -> Result<impl Sized, E> { body }",
        "async fn f(mut self, (a, b): (u8, &mut u8)) -> Result<impl Sized, E> {
            static __DBOP_OP: P::Op = P::Op::operation(\"f\", P::core::file!(), P::core::line!()).read_only().retry_never().lends_connection();
            let __db = &(self.db);
            let mut __call = P::Call::<_, P::Postgres, Result<_, E>>::operation(&__DBOP_OP, P::core::convert::identity({ use P::AsScope as _; __db.as_scope() }));
            if let P::core::option::Option::Some(mut __attempt) = __call.begin().await {
                let __body = __attempt.body();
                let mut __session = __attempt.conn();
                let __result = __body.run(async {
                    let mut conn: &'_ mut PgConnection = P::lend(&mut __session);
                    if false { return P::fake_return::<Result<_, E>>(); }
                    match () { () => { body } }
                }).await;
                __attempt.end(__result).await;
            }
            __call.finish()
        }",
    );
}

#[test]
fn without_a_session_the_signature_stays() {
    assert_expands(
        DbOp,
        "name = \"pool.f\", crate = crate::db",
        "async fn f(client: &Client, buffer: &mut Vec<u8>) -> sqlx::Result<()> { body }",
        "async fn f(client: &Client, buffer: &mut Vec<u8>) -> sqlx::Result<()> {
            static __DBOP_OP: crate::db::__private0::Op =
                crate::db::__private0::Op::operation(\"pool.f\", crate::db::__private0::core::file!(), crate::db::__private0::core::line!());
            let mut __call = crate::db::__private0::Unscoped::<sqlx::Result<()>>::new(&__DBOP_OP);
            if let crate::db::__private0::core::option::Option::Some(__attempt) = __call.begin().await {
                let __body = __attempt.body();
                let __result = __body.run(async move {
                    if false { return crate::db::__private0::fake_return::<sqlx::Result<()>>(); }
                    match () { () => { body } }
                }).await;
                __attempt.end(__result).await;
            }
            __call.finish()
        }",
    );
}

#[test]
fn what_async_trait_makes_of_a_method() {
    let found = expanded(
        Transactional,
        "",
        "fn f<'life0, 'life1, 'life2, 'async_trait>(&'life0 mut self, tx: &'life1 mut Tx<'life2, Sqlite>)
            -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = R> + ::core::marker::Send + 'async_trait>>
         where 'life0: 'async_trait, 'life1: 'async_trait, 'life2: 'async_trait, Self: 'async_trait
         { Box::pin(async move { let __self = self; let tx = tx; __self.go(tx).await }) }",
    );
    let bare: String = found.split_whitespace().collect();
    assert!(
        bare.starts_with(
            "fnf<'life0,'async_trait>(&'life0mutself,tx:impl::dbop::Scope<Sqlite>+'async_trait)"
        ),
        "{found}"
    );
    assert!(
        bare.contains("where'life0:'async_trait,Self:'async_trait{Box::pin(asyncmove{static"),
        "{found}"
    );
    assert!(bare.contains("{let__self=&mut*self;lettx=tx;"), "{found}");
}

#[test]
fn every_option_reaches_the_operation() {
    let found = expanded(
        Transactional,
        "read_only, retry(attempts = 3, base = \"5ms\"), max_concurrency = 8, isolation = serializable, deferrable, nested",
        "async fn r#type(_: &mut Tx<'_, Sqlite>) -> R {}",
    );
    let bare: String = found.split_whitespace().collect();
    assert!(bare.contains("transaction(\"type\","), "{found}");
    assert!(bare.contains(".read_only().retry().retry_attempts(3u32).retry_base_ms(5u64).max_concurrency(8,true).isolation(::dbop::__private0::Isolation::Serializable).deferrable().nested();"), "{found}");
    assert!(bare.contains("r#type(__scope:impl"), "{found}");
}

#[test]
fn names_with_underscores_raise_no_lint() {
    let found: String = expanded(
        DbOp,
        "",
        "async fn f(_c: &mut PgConnection, _x: u8) -> R {}",
    )
    .split_whitespace()
    .collect();
    assert_eq!(
        found
            .matches("#[allow(clippy::used_underscore_binding)]let")
            .count(),
        2,
        "{found}"
    );
    assert_eq!(
        found
            .matches("#[allow(clippy::no_effect_underscore_binding)]let_x=")
            .count(),
        1,
        "{found}"
    );
}

#[test]
fn a_lifetime_that_stays_raises_no_lint() {
    let with = |function: &str| expanded(DbOp, "", function).contains("needless_lifetimes");
    assert!(with(
        "async fn f<'a>(c: &'a mut Conn<'_, Sqlite>, s: &'a str) -> R {}"
    ));
    assert!(!with(
        "async fn f<'a>(c: &mut Conn<'_, Sqlite>, s: &'a str) -> R {}"
    ));
}

#[test]
fn what_cannot_be_replayed_is_reported_at_once() {
    assert_rejected(
        Transactional,
        "",
        "async fn f(self, tx: &mut Tx<'_, Sqlite>, a: &mut u8, b: (&mut u8)) -> Result<&mut u8, E> { body }",
        &[
            "a consumed `self`",
            "a `&mut` argument",
            "a `&mut` argument",
            "a returned `&mut`",
        ],
    );
    assert_rejected(
        DbOp,
        "",
        "async fn f(self: Arc<Self>, c: &mut PgConnection) -> R {}",
        &["`#[db_op(retry = never)]`"],
    );
    assert_rejected(
        DbOp,
        "",
        "async fn f(&mut self, c: &mut PgConnection) -> Result<&u8, E> {}",
        &["a reference into `&mut self`"],
    );
}

#[test]
fn a_mistake_leaves_a_function_that_callers_and_editors_can_work_with() {
    let found = expanded(
        Transactional,
        "tiemout",
        "async fn f<'t>(&self, mut tx: &'t mut Tx<'_, Sqlite>, (a, b): (u8, u8)) -> R { a. }",
    );
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let expected = "async fn f(&self, tx: impl ::dbop::Scope<Sqlite>, (a, b): (u8, u8)) -> R {
        let mut tx: &'_ mut Tx<'_, Sqlite> = ::dbop::__private0::fake_return();
        { a. }
    }";
    assert!(bare(&found).ends_with(&bare(expected)), "{found}");
}

#[test]
fn what_can_be_replayed_is_accepted() {
    for function in [
        "async fn f(&mut self, c: &mut PgConnection) -> R {}",
        "async fn f(self: &Arc<Self>, c: &mut PgConnection) -> Result<&u8, E> {}",
        "async fn f(mut self: Pin<&mut Self>, c: &mut PgConnection) -> R {}",
        "async fn f(c: &mut PgConnection, g: fn(&mut u8)) -> Result<Box<dyn Fn(&mut u8)>, E> {}",
    ] {
        let found = expanded(DbOp, "", function);
        assert!(!found.contains("compile_error"), "{found}");
    }
    let once = expanded(
        DbOp,
        "retry = never",
        "async fn f(self, c: &mut PgConnection, a: &mut u8) -> Result<&mut u8, E> {}",
    );
    assert!(!once.contains("compile_error"), "{once}");
}

#[test]
fn options_that_do_not_fit_the_function() {
    let function = "async fn f(a: &str) -> R {}";
    assert_rejected(
        DbOp,
        "retry(attempts = 2), db = x",
        function,
        &["declare `idempotent` or `read_only`", "`db` says where"],
    );
    assert_rejected(
        DbOp,
        "read_only, idempotent, tiemout",
        function,
        &["did you mean `timeout`", "remove `idempotent`"],
    );
    let function = "async fn f(#[session] tx: &mut Tx<'_, Sqlite>) -> R {}";
    assert_rejected(
        Transactional,
        "deferrable, isolation = serializable",
        function,
        &["`deferrable` has no effect"],
    );
    assert_rejected(
        DbOp,
        "",
        "fn f(c: &mut Conn<'_, Sqlite>) -> BoxFuture<'_, R> { Box::pin(async move {}) }",
        &["stands for the lifetime of `c`"],
    );
}

#[test]
fn a_function_that_does_not_parse_stays_as_it_is() {
    assert_rejected(DbOp, "", "async fn f(a: ) -> R {}", &["expected"]);
    assert_rejected(DbOp, "", "struct S;", &["stands on an `async fn`"]);
}

#[test]
fn a_half_typed_body_still_expands() {
    let found = expanded(DbOp, "", "async fn f(c: &mut PgConnection) -> R { c. }");
    assert!(
        !found.contains("compile_error") && found.contains("{ c . }"),
        "{found}"
    );
}

#[test]
fn a_shared_reference_is_read_by_each_attempt_as_it_is() {
    let found = expanded(
        Transactional,
        "",
        "async fn f(tx: &mut Tx<'_, Sqlite>, a: &str, mut b: &str, (c, d): &(u8, u8)) -> R {}",
    );
    assert!(!found.contains("__kept_a"), "{found}");
    for kept in ["__kept_b", "__kept_3"] {
        assert!(found.contains(kept), "{kept}: {found}");
    }
}

#[test]
fn an_argument_that_only_the_option_db_reads_raises_no_lint() {
    let function = "async fn f(db: Db, #[session] c: &mut PgConnection, x: u8) -> R {}";
    let found: String = expanded(DbOp, "db = db.clone()", function)
        .split_whitespace()
        .collect();
    assert_eq!(
        found.matches("#[allow(unused_variables)]letdb=").count(),
        1,
        "{found}"
    );
    assert_eq!(found.matches("unused_variables").count(), 1, "{found}");
}

#[test]
fn a_stream_owns_its_loop_and_borrows_what_is_passed() {
    assert_expands(
        DbOp,
        "read_only",
        "fn f<T: Get>(&self, conn: &mut Conn<'_, Sqlite>, name: &str, t: T) -> BoxStream<'_, Result<T, E>> { body }",
        "fn f<'__stream, T: Get + '__stream>(&'__stream self, conn: impl ::dbop::SessionScope<Sqlite> + '__stream, name: &'__stream str, t: T) -> BoxStream<'__stream, Result<T, E>> {
            static __DBOP_OP: P::Op = P::Op::operation(\"f\", P::core::file!(), P::core::line!()).read_only().stream();
            P::Box::pin(P::stream(move |__items| async move {
                let mut __call = P::Call::<_, Sqlite, P::LastItem<Result<T, E>>>::stream(&__DBOP_OP, conn);
                let mut __kept_t = P::Arg::new(t);
                while let P::core::option::Option::Some(mut __attempt) = __call.begin().await {
                    let __this_t = P::replay(&mut __kept_t, &__attempt);
                    let (__body, mut __session) = __attempt.stream();
                    let __session = &mut __session;
                    let __result = __body.run(&__items, || -> BoxStream<'_, Result<T, E>> {
                        let conn: &mut Conn<'_, Sqlite> = P::lend(__session);
                        let t = __this_t;
                        match () { () => { body } }
                    }).await;
                    __attempt.end(__result).await;
                }
                __call.finish()
            }))
        }",
    );
}

/// Returns the signature of the function in the expansion, without spaces.
fn signature_of_stream(options: &str, signature: &str) -> String {
    let found = expanded(DbOp, options, &format!("{signature} {{ body }}"));
    let found: String = found.split_whitespace().collect();
    let (signature, _) = found.split_once("{static").expect(&found);
    let (_, signature) = signature.split_once("fnf").expect(&found);
    format!("fnf{}", signature.replace("::dbop::__private0::", ""))
}

#[test]
fn the_signature_of_a_stream_says_what_it_borrows() {
    let of = |signature| signature_of_stream("read_only", signature);
    assert_eq!(
        of("fn f<'a>(c: &'a mut Conn<'_, Sqlite>, n: &'a str) -> impl Stream<Item = R> + use<'a>"),
        "fnf<'a>(c:impl::dbop::SessionScope<Sqlite>,n:&'astr)->implStream<Item=R>+Captures<'a>"
    );
    assert_eq!(
        of("fn f<T>(c: &mut Conn<'_, Sqlite>, t: T) -> BoxStream<'_, R> where T: Get"),
        "fnf<'__stream,T>(c:impl::dbop::SessionScope<Sqlite>+'__stream,t:T)->BoxStream<'__stream,R>whereT:Get,T:'__stream"
    );
    assert_eq!(
        of("fn f(c: &mut Conn<'_, Sqlite>, n: i64) -> impl Stream<Item = R>"),
        "fnf(c:impl::dbop::SessionScope<Sqlite>,n:i64)->implStream<Item=R>"
    );
    assert_eq!(
        of("fn f(c: &mut Conn<'_, Sqlite>, g: impl Fn(&str)) -> impl Stream<Item = R> + '_"),
        "fnf<'__stream>(c:impl::dbop::SessionScope<Sqlite>+'__stream,g:implFn(&str)+'__stream)->implStream<Item=R>+'__stream+Captures<'__stream>"
    );
}

#[test]
fn a_stream_that_borrows_nothing_keeps_its_signature() {
    let signature = "fn f(client: Client, n: &'static str) -> BoxStream<'static, R>";
    let bare: String = signature.split_whitespace().collect();
    assert_eq!(signature_of_stream("read_only", signature), bare);
}

#[test]
fn what_runs_in_a_transaction_of_its_own_is_not_replayed() {
    let replays = |body: &str| {
        let function = format!("async fn f(&mut self, id: i64) -> R {{ {body} }}");
        expanded(DbOp, "read_only", &function).contains("while")
    };
    assert!(!replays("query(S).bind(id).fetch_one(&mut *self.tx).await"));
    assert!(!replays("get(&mut self.unit.db_transaction, id).await"));
    assert!(replays("self.cache.get(id).await"));
}
