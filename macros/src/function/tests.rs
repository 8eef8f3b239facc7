use proc_macro2::TokenStream;
use quote::quote;

use super::*;
use crate::options::Attribute::{DbOp, Transactional};

fn model(attribute: options::Attribute, text: &str) -> (Option<Function>, Vec<String>) {
    let mut errors = Errors::default();
    let source: Source = syn::parse_str(text).unwrap();
    let function = Function::model(
        attribute,
        &Options::default(),
        source,
        &Runtime::new(None),
        &mut errors,
    )
    .ok();
    (function, errors.messages())
}

#[track_caller]
fn valid(attribute: options::Attribute, text: &str) -> Function {
    let (function, messages) = model(attribute, text);
    assert_eq!(messages, [] as [&str; 0]);
    function.unwrap()
}

#[track_caller]
fn rejected(attribute: options::Attribute, text: &str, part: &str) {
    let (_, messages) = model(attribute, text);
    assert!(
        messages.iter().any(|message| message.contains(part)),
        "{text}: {messages:?}"
    );
}

fn database(function: &Function) -> String {
    function
        .session
        .as_ref()
        .unwrap()
        .database
        .to_string()
        .replace(' ', "")
}

#[test]
fn the_session_is_the_first_parameter_after_the_receiver() {
    let function = valid(
        Transactional,
        "pub async fn f(&self, tx: &mut Tx<'_, Sqlite>, a: i64, (b, c): (u8, u8)) -> R { x }",
    );
    let session = function.session.as_ref().unwrap();
    assert_eq!(
        (session.index, session.name.to_string(), database(&function)),
        (1, "tx".to_owned(), "Sqlite".to_owned())
    );
    let names: Vec<_> = function
        .arguments
        .iter()
        .map(|argument| argument.name.to_string())
        .collect();
    assert_eq!(names, ["a", "__3"]);
}

#[test]
fn the_database_comes_from_the_type() {
    let of = |attribute, text: &str| database(&valid(attribute, text));
    assert_eq!(
        of(DbOp, "async fn f(c: &mut Conn<'_, Postgres>) -> R {}"),
        "Postgres"
    );
    assert_eq!(
        of(DbOp, "async fn f<DB>(c: &mut ::dbop::Conn<'_, DB>) -> R {}"),
        "DB"
    );
    assert_eq!(
        of(DbOp, "async fn f(c: &mut sqlx::PgConnection) -> R {}"),
        "::dbop::__private0::Postgres"
    );
    assert_eq!(
        of(DbOp, "async fn f(c: (&mut SqliteConnection)) -> R {}"),
        "::dbop::__private0::Sqlite"
    );
    assert_eq!(
        of(
            Transactional,
            "async fn f(a: u8, #[session] tx: &mut Tx<'_, Sqlite>) -> R {}"
        ),
        "Sqlite"
    );
    assert_eq!(
        of(
            Transactional,
            "async fn f(#[session] tx: AppTx<'_, 'a>) -> R {}"
        ),
        "<AppTx<'static,'static>as::dbop::__private0::SessionParam>::Database"
    );
    assert_eq!(
        of(
            Transactional,
            "async fn f(#[session] tx: &mut Tx<'_>) -> R {}"
        ),
        "<&'staticmutTx<'static>as::dbop::__private0::SessionParam>::Database"
    );
}

#[test]
fn a_db_op_needs_no_session() {
    for text in [
        "async fn f(pool: &PgPool) -> R {}",
        "async fn f(&self) -> R {}",
        "async fn f<E: Executor>(e: E, id: i64) -> R {}",
        "async fn f(tx: &mut Transaction<'_, Sqlite>) -> R {}",
        "async fn f(conn: Conn) -> R {}",
    ] {
        assert!(valid(DbOp, text).session.is_none(), "{text}");
    }
}

#[test]
fn wrong_sessions_are_explained() {
    for (attribute, parameters, part) in [
        (
            Transactional,
            "c: &mut Conn<'_, Sqlite>",
            "take `tx: &mut Tx<'_, Sqlite>`",
        ),
        (
            Transactional,
            "c: &mut Transaction<'_, Sqlite>",
            "write `#[db_op]` to run in it as it is",
        ),
        (Transactional, "a: u8", "`f` has no session parameter"),
        (
            Transactional,
            "tx: &Tx<'_, Sqlite>",
            "the session parameter is `&mut Tx<'_, Sqlite>`",
        ),
        (
            Transactional,
            "tx: Tx<'_, Sqlite>",
            "the session parameter is `&mut Tx<'_, Sqlite>`",
        ),
        (Transactional, "tx: &mut Tx<'_>", "the database is missing"),
        (DbOp, "tx: &mut Tx<'_, Sqlite>", "use `#[transactional]`"),
        (
            DbOp,
            "#[session] a: &mut Conn<'_, Sqlite>, #[session] b: u8",
            "only one parameter",
        ),
        (DbOp, "#[session] &self", "a receiver cannot be the session"),
    ] {
        rejected(
            attribute,
            &format!("async fn f({parameters}) -> R {{}}"),
            part,
        );
    }
}

#[test]
fn functions_that_cannot_be_operations_are_explained() {
    rejected(
        DbOp,
        "fn f(c: &mut Conn<'_, Postgres>) -> R {}",
        "make this an `async fn`",
    );
    rejected(
        DbOp,
        "const fn f(c: &mut PgConnection) -> R {}",
        "remove `const`",
    );
    rejected(
        DbOp,
        "async fn f(c: &mut PgConnection) {}",
        "`f` returns nothing",
    );
    rejected(
        DbOp,
        "async fn f(c: &mut PgConnection) -> () {}",
        "`f` returns nothing",
    );
    rejected(
        DbOp,
        "fn f(c: &mut PgConnection) -> impl Future<Output = R> { g() }",
        "finds no async block",
    );
    assert!(
        syn::parse_str::<Source>("async fn f(c: &mut PgConnection) -> R;")
            .is_err_and(|error| error.to_string().contains("no body"))
    );
}

#[test]
fn all_mistakes_of_a_signature_are_reported_together() {
    let (_, messages) = model(Transactional, "fn f(a: u8, tx: Tx<'_, Sqlite>) {}");
    assert_eq!(messages.len(), 2, "{messages:?}");
}

#[test]
fn futures_that_are_returned_count_as_async() {
    for (output, body) in [
        (
            "Pin<Box<dyn Future<Output = R> + Send + 'a>>",
            "{ Box::pin(async move { x }) }",
        ),
        (
            "::core::pin::Pin<Box<dyn ::core::future::Future<Output = R> + 'a>>",
            "{ Box::pin(async { x },) }",
        ),
        (
            "BoxFuture<'a, R>",
            "{ let a = 1; async move { x }.boxed() }",
        ),
        (
            "impl Future<Output = R> + Send + 'a",
            "{ async move { x } }",
        ),
    ] {
        let function = valid(
            DbOp,
            &format!("fn f<'a>(c: &'a mut PgConnection) -> {output} {body}"),
        );
        assert_eq!(function.output.to_token_stream().to_string(), "R");
        assert_eq!(function.block.to_string(), "{ x }");
        assert_eq!(function.form.bound().unwrap().to_string(), "'a");
        let rebuilt = function
            .form
            .body(quote!(y))
            .to_string()
            .replace("{ y }", "{ x }")
            .replace(' ', "");
        assert_eq!(format!("{{{rebuilt}}}"), body.replace(' ', ""));
    }
}

#[test]
fn a_body_is_not_parsed() {
    let function = valid(
        DbOp,
        "async fn f(c: &mut PgConnection) -> R { let x = ; c. }",
    );
    assert_eq!(function.block.to_string(), "{ let x = ; c . }");
}

#[test]
fn lifetimes_of_the_session_alone_leave_with_it() {
    let without = |text: &str| {
        let generics = valid(Transactional, text)
            .signature_without_session_lifetimes()
            .generics;
        let clause = &generics.where_clause;
        quote!(#generics #clause).to_string().replace(' ', "")
    };
    assert_eq!(
        without("async fn f<'a, 'b: 'a, T>(tx: &'a mut Tx<'b, Sqlite>, t: T) -> R {}"),
        "<T>"
    );
    assert_eq!(
        without("async fn f<'a>(tx: &'a mut Tx<'_, Sqlite>) -> R {}"),
        ""
    );
    assert_eq!(
        without("async fn f<'a>(tx: &'a mut Tx<'_, Sqlite>, s: &'a str) -> R {}"),
        "<'a>"
    );
    assert_eq!(
        without("async fn f<'a>(tx: &'a mut Tx<'_, Sqlite>) -> R { let x: &'a str = y; }"),
        "<'a>"
    );
    assert_eq!(
        without(
            "async fn f<'a, 'b>(tx: &'a mut Tx<'_, Sqlite>, s: &'b str) -> R where 'a: 'b, 'b: 'a {}"
        ),
        "<'b>"
    );
    assert_eq!(
        without("async fn f<'a, T: Reads<'a>>(tx: &'a mut Tx<'_, Sqlite>, t: T) -> R {}"),
        "<'a,T:Reads<'a>>"
    );
    assert_eq!(
        without(
            "async fn f<'life0, 'life1, 't>(&'life0 self, tx: &'life1 mut Tx<'_, Sqlite>) -> R<'t> where 'life0: 't, 'life1: 't, Self: 't {}"
        ),
        "<'life0,'t>where'life0:'t,Self:'t"
    );
}

#[test]
fn inner_attributes_belong_to_the_function() {
    let source: Source = syn::parse_str("async fn f() -> R { #![allow(x)] y }").unwrap();
    assert_eq!(source.attributes.len(), 1);
    assert_eq!(source.body.to_string(), "{ y }");
}

#[test]
fn a_body_passed_on_by_macro_rules_is_found() {
    use proc_macro2::{Delimiter, TokenTree};
    let body: TokenStream = "{ y }".parse().unwrap();
    let invisible = TokenTree::from(Group::new(Delimiter::None, body));
    let source: Source = syn::parse2(quote!(async fn f() -> R #invisible)).unwrap();
    assert_eq!(source.body.to_string(), "{ y }");
}

#[test]
fn the_connection_of_a_plain_function() {
    for (text, expected) in [
        ("fn f(c: &mut Connection) -> R {}", "Connection"),
        ("fn f(c: &Connection) -> R {}", "Connection"),
        ("fn f(&self, c: &mut a::Client, n: u8) -> R {}", "a::Client"),
        ("fn f<C>(c: &mut C) -> R {}", "C"),
        ("fn f(c: &mut Conn) -> R {}", "Conn"),
        ("fn f(n: u8, #[session] c: &Handle) -> R {}", "Handle"),
    ] {
        for attribute in [DbOp, Transactional] {
            assert_eq!(database(&valid(attribute, text)), expected, "{text}");
        }
    }
    for text in [
        "fn f(n: i64) -> R {}",
        "fn f(pool: &Pool, n: &Client) -> R {}",
        "fn f() -> R {}",
    ] {
        assert!(valid(DbOp, text).session.is_none(), "{text}");
        rejected(Transactional, text, "`f` has no connection");
    }
}

#[test]
fn what_is_no_connection_of_a_plain_function() {
    for (attribute, text, part) in [
        (
            DbOp,
            "fn f(c: &mut Conn<'_, Sqlite>) -> R {}",
            "statements that are awaited",
        ),
        (
            Transactional,
            "fn f(tx: &mut Tx<'_, Sqlite>) -> R {}",
            "statements that are awaited",
        ),
        (
            DbOp,
            "fn f(tx: &Transaction) -> R {}",
            "dbop begins and commits",
        ),
        (
            DbOp,
            "fn f(tx: &mut Savepoint<'_>) -> R {}",
            "dbop begins and commits",
        ),
        (Transactional, "fn f(c: Connection) -> R {}", "is borrowed"),
        (DbOp, "fn f(#[session] c: C) -> R {}", "is borrowed"),
        (
            DbOp,
            "fn f(n: u8, c: &Connection) -> R {}",
            "mark it with `#[session]`",
        ),
        (
            DbOp,
            "fn f(#[session] &self) -> R {}",
            "a receiver cannot be",
        ),
        (
            DbOp,
            "fn f(#[session] a: &mut A, #[session] b: &mut B) -> R {}",
            "only one parameter",
        ),
    ] {
        let (_, messages) = model(attribute, text);
        assert_eq!(messages.len(), 1, "{text}: {messages:?}");
        rejected(attribute, text, part);
    }
}

#[test]
fn how_arguments_cross() {
    use super::crossing::Crossing::{self, Copy, Each, Maybe, Whole};
    for (crossing, types) in [
        (
            Some(Whole),
            "i64; Vec<String>; &'static str; Option<&'static str>; fn(&str) -> &str; T; impl Fn(&str); Box<dyn for<'a> Fn(&'a T) -> &'a T>; impl for<'a> From<&'a str>; Cow<'static, str>",
        ),
        (
            Some(Copy),
            "&str; &'a str; &[T]; &T; (&T); &dyn Any; &[&'static str]; &Vec<T>; &impl Clone; &Arc<dyn for<'a> Fn(&'a str)>; &Option<T>",
        ),
        (Some(Maybe), "Option<&str>; std::option::Option<&'a [T]>"),
        (Some(Each), "&[&str]; &'a [&'a T]; &[(&T)]; &[&[T]]"),
        (
            None,
            "&mut T; Option<&mut T>; Cow<'_, str>; Vec<&str>; (&T, u8); &&T; Option<Option<&T>>; &[&mut T]; &[&&T]; &[Row<'a>]; impl Fn() + 'a; Box<dyn Fn() + '_>; impl for<'b> Row<'a, 'b>",
        ),
    ] {
        for text in types.split(';') {
            let ty: Type = syn::parse_str(text).unwrap();
            assert_eq!(Crossing::of(&ty), crossing, "{text}");
        }
    }
}

#[test]
fn how_self_crosses() {
    use super::crossing::Crossing::{self, Copy, Whole};
    for (text, expected) in [
        ("&self", Some(Copy)),
        ("&'a self", Some(Copy)),
        ("self", Some(Whole)),
        ("mut self", Some(Whole)),
        ("self: Arc<Self>", Some(Whole)),
        ("self: &Arc<Self>", Some(Copy)),
        ("self: &Self", Some(Copy)),
        ("&mut self", None),
        ("self: Pin<&mut Self>", None),
        ("self: &mut Self", None),
    ] {
        let signature: Signature = syn::parse_str(&format!("fn f({text})")).unwrap();
        let receiver = signature.receiver().unwrap();
        assert_eq!(Crossing::of_receiver(receiver), expected, "{text}");
    }
}

#[test]
fn a_result_is_no_future_whatever_it_holds() {
    for text in [
        "fn f(c: &mut C) -> Result<Vec<FutureBooking>, E> {}",
        "fn f(c: &mut C) -> dbop::Result<Futures> {}",
        "fn f(c: &mut C) -> QueryResult<Future> {}",
    ] {
        assert!(valid(DbOp, text).is_plain(), "{text}");
    }
    for text in [
        "fn f(c: &mut C) -> FutureResult<R> {}",
        "fn f(c: &mut C) -> impl TryFuture<Ok = R> {}",
        "fn f(c: &mut C) -> Later<R> { Box::pin(async move { x }) }",
    ] {
        rejected(DbOp, text, "finds no async block");
    }
}
