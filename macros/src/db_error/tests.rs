use super::derive;

fn derived(input: &str) -> String {
    derive(input.parse().unwrap()).to_string()
}

fn bare(text: &str) -> String {
    text.replace("P::", "::dbop::__private0::")
        .split_whitespace()
        .collect()
}

#[track_caller]
fn assert_contains(input: &str, parts: &[&str]) {
    let found = derived(input);
    for part in parts {
        assert!(bare(&found).contains(&bare(part)), "{part}: {found}");
    }
}

#[track_caller]
fn conversions(input: &str) -> (bool, bool) {
    let found = bare(&derived(input));
    assert!(!found.contains("compile_error"), "{found}");
    let has =
        |source: &str| found.contains(&bare(&format!("P::core::convert::From<{source}> for")));
    (has("P::Error"), has("P::sqlx::Error"))
}

#[track_caller]
fn assert_rejected(input: &str, parts: &[&str]) {
    let found = derived(input);
    assert_eq!(
        found.matches("compile_error").count(),
        parts.len(),
        "{found}"
    );
    for part in parts {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert!(
        input.contains("union") || found.contains("fn cause"),
        "the impls are there in spite of errors: {found}"
    );
}

#[test]
fn a_whole_derive() {
    let found = derived(
        "enum E { A(i64), #[db_error(category = transient)] B { x: u8 }, C(#[from] dbop::Error) }",
    );
    let expected = "#[automatically_derived]
        impl P::DbError for E {
            fn cause(&self) -> P::Cause<'_> {
                match self {
                    Self::A { .. } => P::Cause::Category(P::Category::Application),
                    Self::B { .. } => P::Cause::Category(P::Category::Transient),
                    Self::C(__error) => P::Cause::Dbop(__error),
                }
            }
            fn error_mut(&mut self) -> P::core::option::Option<&mut P::Error> {
                match self { Self::C(__error) => P::core::option::Option::Some(__error), _ => P::core::option::Option::None, }
            }
        }
        #[automatically_derived]
        impl P::core::convert::From<P::sqlx::Error> for E {
            fn from(__error: P::sqlx::Error) -> Self { Self::C(<dbop::Error as P::core::convert::From<_>>::from(__error)) }
        }
        #[automatically_derived]
        impl<__Error> P::core::convert::From<P::ChunkError<__Error>> for E
        where Self: P::core::convert::From<__Error>
        {
            fn from(__error: P::ChunkError<__Error>) -> Self { P::core::convert::From::from(__error.error) }
        }";
    assert_eq!(bare(&found), bare(expected));
}

#[test]
fn only_missing_conversions_are_generated() {
    assert_eq!(
        conversions("enum E { A(#[from] dbop::Error) }"),
        (false, true)
    );
    assert_eq!(conversions("enum E { A(dbop::Error) }"), (true, true));
    assert_eq!(
        conversions("enum E { A(#[from] sqlx::Error) }"),
        (true, false)
    );
    assert_eq!(
        conversions("enum E { A(#[from] sqlx::error::Error), B(#[from] ::dbop::Error) }"),
        (false, false)
    );
    assert_eq!(
        conversions("enum E { A(sqlx::Error), B(#[from] dbop::Error) }"),
        (false, true)
    );
    assert_eq!(
        conversions("enum E { A(#[from] Box<sqlx::Error>) }"),
        (true, true)
    );
    assert_eq!(
        conversions("#[db_error(no_from)] enum E { A(dbop::Error) }"),
        (false, false)
    );
    assert_eq!(
        conversions("enum E { #[db_error(no_from)] A(dbop::Error) }"),
        (false, false)
    );
    assert_eq!(
        conversions("enum E { #[db_error(no_from)] A(sqlx::Error), B(dbop::Error) }"),
        (true, false)
    );
    assert_eq!(
        conversions("#[db_error(from = Self::make)] enum E { A }"),
        (true, true)
    );
    assert_eq!(conversions("struct E(#[from] sqlx::Error);"), (true, false));
    assert_eq!(
        conversions("struct E { source: dbop::Error }"),
        (true, true)
    );
}

#[test]
fn a_mark_settles_whose_error_it_is() {
    assert_eq!(
        conversions("enum E { A(#[from] #[db_error(sqlx)] Error) }"),
        (true, false)
    );
    assert_eq!(
        conversions("enum E { #[db_error(dbop)] A(#[from] Error) }"),
        (false, true)
    );
    assert_eq!(
        conversions("#[db_error(dbop)] struct E(Alias);"),
        (true, true)
    );
    assert_eq!(
        conversions("enum E { #[db_error(sqlx)] A(sqlx::Error), B(sqlx::Error) }"),
        (true, true)
    );
}

#[test]
fn an_error_beside_other_fields_is_forwarded_and_not_converted() {
    let input = "enum E { A { query: String, source: sqlx::Error }, B(u8, dbop::Error, u8), C(#[from] sqlx::Error) }";
    assert_contains(
        input,
        &[
            "Self::A { source: __error, .. } => P::Cause::Sqlx(__error)",
            "Self::B(_, __error, ..) => P::Cause::Dbop(__error)",
        ],
    );
    assert_eq!(conversions(input), (true, false));
}

#[test]
fn a_boxed_error_is_boxed_again() {
    let input = "enum E { A(Box<dbop::Error>) }";
    assert_contains(
        input,
        &[
            "Self::A(P::Box::new(__error))",
            "Some(&mut **__error)",
            "Self::A(__error) => P::Cause::Dbop(__error)",
        ],
    );
}

#[test]
fn a_stated_category_wins() {
    assert_contains(
        "enum E { #[db_error(category = data)] A(sqlx::Error), B(dbop::Error) }",
        &["Self::A { .. } => P::Cause::Category(P::Category::Data)"],
    );
}

#[test]
fn generics_are_kept() {
    assert_contains(
        "enum E<T: X, const N: usize> where T: Y { A(T), B(dbop::Error) }",
        &[
            "impl<T: X, const N: usize> P::DbError for E<T, N> where T: Y, Self: P::core::fmt::Display + P::core::convert::From<P::Error>",
            "impl<T: X, const N: usize> P::core::convert::From<P::Error> for E<T, N> where T: Y {",
        ],
    );
}

#[test]
fn the_crate_may_have_another_name() {
    let found = derived("#[db_error(crate = ::other)] enum E { A(dbop::Error) }");
    assert!(
        bare(&found).contains("impl::other::__private0::DbErrorforE"),
        "{found}"
    );
}

#[test]
fn mistakes_are_explained() {
    assert_rejected(
        "enum E { A, B(String) }",
        &[
            "`E` has no place for an error of the database; add a variant `Database(#[from] dbop::Error)`",
        ],
    );
    assert_rejected("struct E;", &["give it one field of type `dbop::Error`"]);
    assert_rejected(
        "enum E { A(Error) }",
        &["does not say whose `Error` this is"],
    );
    assert_rejected(
        "enum E { A(#[from] Error), B(#[from] sqlx::Error) }",
        &["does not say whose `Error` this is"],
    );
    assert_rejected(
        "enum E { A(sqlx::Error), B(sqlx::Error) }",
        &["a second variant carries `sqlx::Error`"],
    );
    assert_rejected(
        "enum E { A { x: u8, source: sqlx::Error } }",
        &["cannot fill in the other fields of `A`"],
    );
    assert_rejected("union E { a: u8 }", &["for a union"]);
    assert_rejected(
        "enum E { #[db_error(category = transent)] A, B(dbop::Error) }",
        &["did you mean `transient`"],
    );
    assert_rejected(
        "enum E { #[db_error(form)] A, #[db_error] B(dbop::Error) }",
        &[
            "`form` is not an option of `#[db_error]` on a variant",
            "needs options",
        ],
    );
    assert_rejected(
        "enum E { #[db_error(sqlx)] A, B(dbop::Error) }",
        &["`A` has 0 fields"],
    );
    assert_rejected(
        "enum E { A(#[db_error(sqlx, dbop)] Error) }",
        &["keep either `sqlx`, `dbop` or `driver`"],
    );
    assert_rejected(
        "#[db_error(from = f)] enum E { A(dbop::Error) }",
        &["remove `from`"],
    );
    assert_rejected(
        "#[db_error(from = f, no_from)] enum E { A }",
        &["keep one of the two"],
    );
}

#[test]
fn a_variant_with_a_status_is_meant_for_clients() {
    assert_contains(
        "enum E { #[db_error(status = 402)] Poor(i64), Other, D(#[from] dbop::Error) }",
        &["fn own_status(&self) -> P::core::option::Option<u16> {
            match self {
                Self::Poor { .. } => P::core::option::Option::Some(402u16),
                _ => P::core::option::Option::None,
            }
        }"],
    );
    assert!(!derived("enum E { Other, D(#[from] dbop::Error) }").contains("own_status"));
}

#[test]
fn a_status_cannot_show_what_the_database_says() {
    for variant in [
        "#[db_error(status = 409)] D(#[from] dbop::Error)",
        "#[db_error(status = 409, category = integrity)] Q(sqlx::Error), D(#[from] dbop::Error)",
    ] {
        assert_rejected(
            &format!("enum E {{ {variant} }}"),
            &["clients are shown the `Display` of a variant with a `status`"],
        );
    }
    assert_rejected(
        "enum E { #[db_error(status = 200)] A, D(#[from] dbop::Error) }",
        &["`status` needs a number from 400 to 599"],
    );
}
