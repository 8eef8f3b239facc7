//! The options `plain` and `prefer_async`.

use super::{assert_rejected, expanded};
use crate::options::Attribute::DbOp;

#[cfg(feature = "blocking")]
#[test]
fn the_choice_between_a_function_and_its_plain_twin() {
    super::assert_expands(
        DbOp,
        "plain = Self::f_plain, retry = never, db = self.db",
        "async fn f(&self, conn: &mut Conn<'_, Sqlite>, (a, b): (u8, u8)) -> R { body }",
        "async fn f(&self, __2: (u8, u8)) -> R {
            static __DBOP_OP: P::Op = P::Op::operation(\"f\", P::core::file!(), P::core::line!()).retry_never();
            let __db = &(self.db);
            let __way = P::two_ways::<Sqlite, _, _>(P::core::convert::identity({ use P::AsScope as _; __db.as_scope() }));
            match __way {
                P::Way::Async(__scope) => {
                    let mut __call = P::Call::<_, Sqlite, R>::operation(&__DBOP_OP, __scope);
                    if let P::core::option::Option::Some(mut __attempt) = __call.begin().await {
                        let __body = __attempt.body();
                        let mut __session = __attempt.conn();
                        let __result = __body.run(async {
                            let conn: &mut Conn<'_, Sqlite> = P::lend(&mut __session);
                            let (a, b) = __2;
                            if false { return P::fake_return::<R>(); }
                            match () { () => { body } }
                        }).await;
                        __attempt.end(__result).await;
                    }
                    __call.finish()
                }
                #[allow(deprecated)]
                P::Way::Plain(__plain) => P::twin_result::<R, _>(P::twin_call({ Self::f_plain(self, &__plain, __2) }).await),
                P::Way::Unfit(__error) => P::unfit::<Sqlite, R>(&__DBOP_OP, __error),
            }
        }",
    );
}

#[cfg(feature = "blocking")]
#[test]
fn callers_see_that_the_scope_may_be_a_handle_of_two_halves() {
    for (attribute, session, scope) in [
        (DbOp, "&mut Conn<'_, X>", "::dbop::TwoWaySessionScope<X>"),
        (
            crate::options::Attribute::Transactional,
            "&mut Tx<'_, X>",
            "::dbop::TwoWayScope<X>",
        ),
    ] {
        let function = format!("async fn f(s: {session}) -> R {{ body }}");
        let found = expanded(attribute, "plain = g", &function).replace(' ', "");
        assert!(found.contains(&format!("fnf(s:impl{scope})->R")), "{found}");
    }
}

#[cfg(not(feature = "blocking"))]
#[test]
fn a_plain_twin_needs_the_feature_for_plain_functions() {
    assert_rejected(
        DbOp,
        "plain = g",
        "async fn f(conn: &mut Conn<'_, Sqlite>) -> R { body }",
        &["dbop is built without its feature `blocking`"],
    );
}

#[test]
fn a_plain_twin_is_for_an_async_function_only() {
    assert_rejected(
        DbOp,
        "plain = g",
        "fn f(conn: &mut Connection) -> R { body }",
        &["move the option to the async function"],
    );
}

#[test]
fn the_functions_that_run_a_body_as_plain_code_are_deprecated_where_asked() {
    let function = "fn f(conn: &mut Connection) -> R { body }";
    let deprecated = |options: &str| {
        let found = expanded(DbOp, options, function);
        assert!(!found.contains("compile_error"), "{found}");
        let bare: String = found.split_whitespace().collect();
        let (of_f, of_twin) = bare.split_once("__call.finish()").expect("both");
        let note = |text: &str| {
            let (_, note) = text.split_once("#[deprecated(note=\"")?;
            Some(note.split_once('"')?.0.to_owned())
        };
        assert_eq!(
            of_f.contains("#[allow(deprecated)]"),
            note(of_twin).is_some()
        );
        (note(of_f), note(of_twin))
    };
    assert_eq!(deprecated(""), (None, None));
    let itself = "call`f(..).await`,whichblocksnoothertask".to_owned();
    assert_eq!(deprecated("prefer_async"), (None, Some(itself)));
    let other = Some("calltheasyncversion,`shop::g`".to_owned());
    assert_eq!(deprecated("prefer_async = shop::g"), (other.clone(), other));
}
