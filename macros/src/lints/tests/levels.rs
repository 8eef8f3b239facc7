use super::{found, in_transaction};

/// Expands the function with this body.
fn expand(body: &str) -> String {
    let function: syn::ItemFn = syn::parse_str(&format!(
        "async fn f(tx: &mut Tx<'_, Sqlite>) -> R {{ {body} }}"
    ))
    .unwrap();
    let kind = crate::options::Attribute::Transactional;
    crate::expand_operation(kind, Default::default(), quote::quote!(#function)).to_string()
}

const SLEEP: &str = "tokio::time::sleep(d).await;";

#[test]
fn an_allowed_statement_is_let_through_and_the_next_one_is_not() {
    let body = format!("#[dbop::allow(foreign_await)] {SLEEP} {SLEEP} Ok(())");
    assert_eq!(in_transaction(&body), ["foreign_await"]);
}

#[test]
fn a_level_holds_for_what_it_stands_at() {
    for body in [
        "#[dbop::allow(foreign_await)] let x = client.get().await; Ok(())",
        "#[dbop::allow(foreign_await)] { a.b().await; c.d().await; } Ok(())",
        "#[dbop::allow(foreign_await)] for x in items { a.b().await; } Ok(())",
        "#[dbop::allow(foreign_await)] if a.b().await { c.d().await } Ok(())",
        "match x { #[dbop::allow(foreign_await)] A => a.b().await, B => 1 }",
        "x = 1; #[dbop::allow(foreign_await)] client.get().await",
        "#[dbop::allow(foreign_await)] tokio::join!(a.b(), c.d()); Ok(())",
        "#[::dbop::allow(foreign_await)] a.b().await; Ok(())",
        "#[dbop::allow(foreign_await)] total = a.b().await; Ok(())",
        "#[dbop::allow(foreign_await)] row[0] += a.b().await; Ok(())",
        "#[dbop::allow(foreign_await)] 1 + a.b().await as i64",
        "#[dbop::allow(foreign_await)] *a.lock().await = 1; Ok(())",
        "select! { x = a(&mut *tx) => { #[dbop::allow(foreign_await)] client.get(x).await } }",
        "select! { x = a(&mut *tx) => { #[dbop::allow(foreign_await)] total = client.get(x).await; } }",
        "{ #![dbop::allow(foreign_await)] client.get(x).await }",
        "#[my::renamed::allow(foreign_await)] a.b().await; Ok(())",
    ] {
        assert_eq!(in_transaction(body), [] as [&str; 0], "{body}");
    }
    for body in [
        "{ #[dbop::allow(foreign_await)] a.b().await; } c.d().await; Ok(())",
        "match x { #[dbop::allow(foreign_await)] A => a.b().await, B => c.d().await }",
        "#[dbop::allow(blocking_call)] a.b().await; Ok(())",
        "#[allow(foreign_await)] a.b().await; Ok(())",
    ] {
        assert_eq!(in_transaction(body), ["foreign_await"], "{body}");
    }
}

#[test]
fn the_innermost_level_holds() {
    let denied = format!(
        "#[dbop::allow(foreign_await)] {{ #[dbop::deny(foreign_await)] {SLEEP} {SLEEP} }} Ok(())"
    );
    assert_eq!(in_transaction(&denied), ["foreign_await"]);
}

#[test]
fn a_function_sets_levels_in_three_ways() {
    for attributes in [
        "#[transactional(allow(foreign_await, reason = \"x\"))]",
        "#[dbop::allow(foreign_await, reason = \"x\")] #[transactional]",
        "#[transactional] #[dbop::allow(query_in_loop, foreign_await)]",
        "#[transactional] #[dbop::deny(foreign_await)] #[dbop::allow(foreign_await)]",
    ] {
        let code =
            format!("{attributes} async fn f(tx: &mut Tx<'_, Sqlite>) -> R {{ {SLEEP} Ok(()) }}");
        assert_eq!(found(&code), [] as [&str; 0], "{attributes}");
    }
    let inner = format!(
        "#[transactional] async fn f(tx: &mut Tx<'_, Sqlite>) -> R {{ #![dbop::allow(foreign_await)] {SLEEP} Ok(()) }}"
    );
    assert_eq!(found(&inner), [] as [&str; 0]);
}

#[test]
fn attributes_for_dbop_leave_the_body_and_those_of_inner_functions_stay() {
    let plain = expand("tx.a().await; tail()");
    let attributed = expand(
        "#[dbop::allow(foreign_await)] tx.a().await; #[dbop::expect(swallowed_error)] tail()",
    );
    assert!(
        !attributed.contains("allow (foreign_await)"),
        "{attributed}"
    );
    assert!(
        attributed.contains("tx . a () . await ; tail ()"),
        "{attributed}"
    );
    assert!(plain.contains("tx . a () . await ; tail ()"), "{plain}");
    let in_macro = expand("select! { x = a(tx) => { #[dbop::allow(foreign_await)] b(tx).await } }");
    assert!(!in_macro.contains("dbop :: allow"), "{in_macro}");
    let inner = expand(
        "#[dbop::allow(foreign_await)] #[transactional] async fn g() {} #[dbop::allow(foreign_await)] tail()",
    );
    assert_eq!(inner.matches("dbop :: allow").count(), 1, "{inner}");
    let deep = expand("fn g() { #[dbop::allow(foreign_await)] b(); } tail()");
    assert_eq!(deep.matches("dbop :: allow").count(), 1, "{deep}");
    let inside = expand("{ #![dbop::allow(foreign_await)] tail() }");
    assert!(!inside.contains("dbop :: allow"), "{inside}");
    let foreign = expand("#[rbac::allow(admin)] tail()");
    assert!(foreign.contains("rbac :: allow"), "{foreign}");
}

#[test]
fn an_expectation_that_finds_nothing_is_told() {
    let told = |body: &str| expand(body).matches("finds nothing here").count();
    assert_eq!(
        told("#[dbop::expect(foreign_await)] a.b().await; Ok(())"),
        0
    );
    assert_eq!(
        told("#[dbop::expect(foreign_await)] tx.b().await; Ok(())"),
        1
    );
    assert_eq!(
        told("#[dbop::expect(foreign_await, blocking_call)] tx.b().await; Ok(())"),
        2
    );
    assert_eq!(
        told("#![dbop::expect(query_in_loop)] tx.b().await; Ok(())"),
        1
    );
    assert_eq!(
        told("#[dbop::allow(foreign_await)] tx.b().await; Ok(())"),
        0
    );
}

#[test]
fn mistakes_in_levels_are_explained() {
    for (attribute, part) in [
        (
            "#[dbop::allow(foreign_awiat)]",
            "did you mean `foreign_await`?",
        ),
        (
            "#[dbop::allow()]",
            "this names no lint; write `#[dbop::allow(foreign_await, reason = \\\"..\\\")]`",
        ),
        ("#[dbop::deny]", "this names no lint; write `#[dbop::deny("),
        (
            "#[dbop::allow(foreign_await, reason)]",
            "`reason` needs a text in quotes",
        ),
        (
            "#[dbop::allow(foreign_await, reason = \"\")]",
            "an empty reason helps nobody",
        ),
        (
            "#[dbop::allow(foreign_await reason = \"x\")]",
            "expected `,` before the next lint",
        ),
        (
            "#[dbop::allow(\"foreign_await\")]",
            "expected the name of a lint",
        ),
    ] {
        let found = in_transaction(&format!("{attribute} tx.a().await; Ok(())")).join("");
        assert!(found.contains(part), "{attribute}: {found}");
    }
}

#[test]
fn a_body_that_does_not_parse_is_left_to_rustc() {
    let function: proc_macro2::TokenStream =
        "async fn f(tx: &mut Tx<'_, Sqlite>) -> R { let x = ; #[dbop::allow(foreign_await)] a.b().await }"
            .parse()
            .unwrap();
    let kind = crate::options::Attribute::Transactional;
    let expansion = crate::expand_operation(kind, Default::default(), function).to_string();
    assert!(expansion.contains("let x = ;"), "{expansion}");
    assert!(!expansion.contains("compile_error"), "{expansion}");
    assert!(!expansion.contains("dbop :: allow"), "{expansion}");
}

#[test]
fn a_retry_that_is_allowed_for_one_statement_is_told_for_the_next() {
    let write = "query(\"UPDATE t SET a = 1 WHERE b\").execute(&mut *conn).await?;";
    let operation = |body: &str| {
        found(&format!(
            "#[db_op(retry(attempts = 3))] async fn f(conn: &mut Conn<'_, Sqlite>) -> R {{ {body} Ok(()) }}"
        ))
    };
    let allow = "#[dbop::allow(retry_without_idempotence)]";
    assert_eq!(operation(&format!("{allow} {write}")), [] as [&str; 0]);
    assert_eq!(
        operation(&format!("{allow} {write} {write}")),
        ["retry_without_idempotence"]
    );
}

#[test]
fn a_text_that_depends_on_many_branches_is_read_in_time() {
    let branches = "let s = if a { s } else { s };".repeat(60);
    let body =
        format!("let s = \"SELECT 1\"; {branches} query(s).execute(&mut *tx).await?; Ok(())");
    assert_eq!(in_transaction(&body), [] as [&str; 0]);
}
