use crate::expand::tests::{assert_expands, assert_rejected, expanded};
use crate::options::Attribute::{DbOp, Transactional};

#[test]
fn a_replayed_transaction_of_a_plain_function() {
    assert_expands(
        Transactional,
        "timeout = \"2s\"",
        "/// Docs.
        #[inline]
        pub fn f<T: Get>(conn: &mut Connection, n: i64, name: &str, last: Option<&T>, each: &[&T], (a, mut b): (i64, T)) -> Result<T, E> { body }",
        "#[allow(trivial_bounds)]
        /// Docs.
        pub async fn f<T: Get>(conn: &::dbop::blocking::BlockingDb<impl ::dbop::blocking::Manager<Connection = Connection>>, n: i64, name: &str, last: Option<&T>, each: &[&T], __5: (i64, T)) -> Result<T, E>
        where Connection: P::SyncConnection {
            static __DBOP_OP: P::Op = P::Op::transaction(\"f\", P::core::file!(), P::core::line!()).timeout_ms(2000u64);
            let mut __call = P::Blocking::<_, Result<T, E>>::new(&__DBOP_OP, conn);
            let mut __kept_n = P::Arg::new(P::sent((n,).0));
            let mut __kept_name = P::Arg::new(P::own((&*name,).0));
            let mut __kept_last = P::Arg::new(P::own_option((last,).0));
            let mut __kept_each = P::Arg::new(P::own_each((each,).0));
            let mut __kept_5 = P::Arg::new(P::sent((__5,).0));
            while let P::core::option::Option::Some(__attempt) = __call.begin().await {
                let __this_n = P::replay(&mut __kept_n, &__attempt);
                let __this_name = P::replay(&mut __kept_name, &__attempt);
                let __this_last = P::replay(&mut __kept_last, &__attempt);
                let __this_each = P::replay(&mut __kept_each, &__attempt);
                let __this_5 = P::replay(&mut __kept_5, &__attempt);
                __attempt.run(move |__conn| {
                    f_sync::<T>(__conn, __this_n, P::lend_owned(&__this_name), P::lend_option(&__this_last), &P::lend_each(&__this_each), __this_5)
                }).await;
            }
            __call.finish()
        }
        #[allow(dead_code, unreachable_pub)]
        #[allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value)]
        /// Docs.
        #[inline]
        pub fn f_sync<T: Get>(conn: &mut Connection, n: i64, name: &str, last: Option<&T>, each: &[&T], (a, mut b): (i64, T)) -> Result<T, E> { body }",
    );
}

#[test]
fn one_attempt_of_a_plain_method() {
    assert_expands(
        DbOp,
        "retry = never, db = self.db, read_only",
        "fn f(&self, _conn: &Connection, #[cfg(x)] n: i64) -> R { body }",
        "async fn f(&self, #[cfg(x)] n: i64) -> R {
            static __DBOP_OP: P::Op = P::Op::operation(\"f\", P::core::file!(), P::core::line!()).read_only().retry_never();
            let __db = P::handle::<Connection, _>(&(self.db));
            let mut __call = P::Blocking::<_, R>::new(&__DBOP_OP, &__db);
            let __this_self = P::own((&*self,).0);
            #[cfg(x)] let __this_n = P::sent((n,).0);
            if let P::core::option::Option::Some(__attempt) = __call.begin().await {
                __attempt.run(move |__conn| {
                    #[cfg(all(x))] { Self::f_sync(P::lend_owned(&__this_self), __conn, __this_n) }
                    #[cfg(not(all(x)))] { Self::f_sync(P::lend_owned(&__this_self), __conn) }
                }).await;
            }
            __call.finish()
        }
        #[allow(dead_code, unreachable_pub)]
        #[allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value)]
        fn f_sync(&self, _conn: &Connection, #[cfg(x)] n: i64) -> R { body }",
    );
}

#[test]
fn a_plain_function_without_a_connection() {
    assert_expands(
        DbOp,
        "",
        "fn f(n: i64) -> R { body }",
        "async fn f(n: i64) -> R {
            static __DBOP_OP: P::Op = P::Op::operation(\"f\", P::core::file!(), P::core::line!());
            let mut __call = P::Unscoped::<R>::new(&__DBOP_OP);
            let __this_n = P::sent((n,).0);
            if let P::core::option::Option::Some(__attempt) = __call.begin().await {
                let __body = __attempt.body();
                let __result = __body.run(P::off_thread(move || { f_sync(__this_n) })).await;
                __attempt.end(__result).await;
            }
            __call.finish()
        }
        #[allow(dead_code, unreachable_pub)]
        #[allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value)]
        fn f_sync(n: i64) -> R { body }",
    );
}

#[test]
fn in_a_trait_impl_the_body_itself_is_run() {
    assert_expands(
        Transactional,
        "in_trait_impl, retry = never",
        "#[instrument] fn f(mut self: Arc<Self>, conn: &mut Connection, _n: i64, (a, b): (u8, u8)) -> Result<impl Sized, E> { self.go(conn, a)?; Ok(b) }",
        "#[allow(trivial_bounds)]
        #[instrument]
        async fn f(self: Arc<Self>, conn: &::dbop::blocking::BlockingDb<impl ::dbop::blocking::Manager<Connection = Connection>>, _n: i64, __3: (u8, u8)) -> Result<impl Sized, E>
        where Connection: P::SyncConnection {
            static __DBOP_OP: P::Op = P::Op::transaction(\"f\", P::core::file!(), P::core::line!()).retry_never();
            let mut __call = P::Blocking::<_, Result<_, E>>::new(&__DBOP_OP, conn);
            let __this_self = P::sent((self,).0);
            #[allow(clippy::used_underscore_binding)] let __this__n = P::sent((_n,).0);
            let __this_3 = P::sent((__3,).0);
            if let P::core::option::Option::Some(__attempt) = __call.begin().await {
                __attempt.run(move |__conn| -> Result<_, E> {
                    let conn: &mut Connection = __conn;
                    let mut __self = __this_self;
                    #[allow(clippy::no_effect_underscore_binding)] let _n = __this__n;
                    let (a, b) = __this_3;
                    { __self.go(conn, a)?; Ok(b) }
                }).await;
            }
            __call.finish()
        }",
    );
}

/// Checks that the expansion contains the parts, whatever their spacing.
#[track_caller]
fn assert_contains(options: &str, function: &str, parts: &[&str]) {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let found = bare(&expanded(DbOp, options, function));
    for part in parts {
        let part = bare(&part.replace("P::", "::dbop::__private0::"));
        assert!(found.contains(&part), "{part}: {found}");
    }
}

#[test]
fn attributes_go_where_they_are_meant() {
    assert_contains(
        "",
        "#[deprecated] #[must_use] #[expect(unused)] #[instrument] #[cfg(x)] fn f(c: &mut C) -> R {}",
        &[
            "#[allow(deprecated)] #[deprecated] #[must_use] #[allow(unused)] #[cfg(x)] async fn f",
            "#[deprecated] #[must_use] #[expect(unused)] #[instrument] #[cfg(x)] fn f_sync",
        ],
    );
}

#[test]
fn the_function_beside_is_looked_for_where_it_is() {
    let free = "{ f_sync(__conn) }";
    let associated = "{ Self::f_sync(__conn) }";
    assert_contains("", "fn f(c: &mut C) -> R {}", &[free]);
    assert_contains("in_impl", "fn f(c: &mut C) -> R {}", &[associated]);
    assert_contains("", "fn f(c: &mut C) -> Result<Self, E> {}", &[associated]);
    assert_contains("", "fn f(c: &mut C) -> R { Self::g(c) }", &[associated]);
    let of_another = "fn f(c: &mut C) -> R { impl A { fn g() -> Self { A } } }";
    assert_contains("", of_another, &[free]);
    assert_contains(
        "",
        "fn r#match(c: &mut C) -> R {}",
        &["{ match_sync(__conn) }"],
    );
}

#[test]
fn a_connection_of_the_callers_choice_has_no_bound() {
    for function in [
        "fn f(c: &mut impl Read) -> R {}",
        "fn f<C: Read>(c: &mut C) -> R {}",
    ] {
        let found = expanded(DbOp, "", function);
        assert!(!found.contains("SyncConnection"), "{found}");
        assert!(!found.contains("trivial_bounds"), "{found}");
    }
}

#[test]
fn an_opaque_result_captures_what_it_can() {
    assert_contains(
        "",
        "fn f(c: &mut C) -> Result<impl Read + use<>, E> {}",
        &[
            "-> Result<impl Read, E> where",
            "fn f_sync(c: &mut C) -> Result<impl Read + use<>, E> {}",
        ],
    );
}

#[test]
fn an_argument_that_only_the_option_db_reads_raises_no_lint() {
    assert_contains(
        "db = db",
        "fn f(db: &Db, #[session] c: &mut C, x: u8) -> R {}",
        &["fn f_sync(#[allow(unused_variables)] db: &Db, c: &mut C, x: u8) -> R"],
    );
}

#[test]
fn a_mistake_leaves_both_functions() {
    let found = expanded(
        DbOp,
        "tiemout",
        "fn f(c: &mut C, (a, b): (u8, u8)) -> R { a. }",
    );
    let bare: String = found.split_whitespace().collect();
    for part in [
        "asyncfnf(c:&::dbop::blocking::BlockingDb<impl::dbop::blocking::Manager>,__1:(u8,u8))->R{::dbop::__private0::fake_return()}",
        "fnf_sync(c:&mutC,(a,b):(u8,u8))->R{a.}",
    ] {
        assert!(bare.contains(part), "{found}");
    }
    let found = expanded(
        DbOp,
        "tiemout, in_trait_impl",
        "fn f(c: &mut C, (a, b): (u8, u8)) -> R { a. }",
    );
    let bare: String = found.split_whitespace().collect();
    let part = "->R{letc:&mutC=::dbop::__private0::fake_return();let(a,b)=__1;{a.}}";
    assert!(bare.ends_with(part), "{found}");
}

#[test]
fn what_cannot_cross_is_reported_at_once() {
    assert_rejected(
        DbOp,
        "once = x",
        "fn f(&mut self, c: &mut C, a: &mut u8, b: Cow<'_, str>) -> Result<&u8, E> { body }",
        &[
            "`once` is an option of",
            "a borrow that may write",
            "a `&mut` argument",
            "what this borrows",
            "the result comes from another thread",
        ],
    );
    assert_rejected(
        Transactional,
        "once = a, nested, in_impl, in_trait_impl",
        "fn f(&self, c: &mut C, a: u8) -> R { println!(\"{self:?}\"); }",
        &[
            "`once` keeps its markers",
            "`nested` has no effect",
            "remove `in_impl`",
            "a text cannot name `self`",
        ],
    );
}
