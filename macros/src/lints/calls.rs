//! What an expression calls, as far as its text tells.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{Expr, ExprAsync, ExprCall, ExprMethodCall, Path};

/// Returns whether the word is one of these. In a compiler, every comparison of an `Ident` with a
/// text makes a new string, so the string is made once.
pub(super) fn is_any(word: &Ident, words: &[&str]) -> bool {
    let word = word.to_string();
    words.contains(&word.as_str())
}

/// Returns whether one of the words occurs in the tokens.
pub(super) fn has_any(tokens: TokenStream, words: &[&str]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => is_any(&word, words),
        TokenTree::Group(group) => has_any(group.stream(), words),
        _ => false,
    })
}

/// Returns the path of the function with which a chain begins: `diesel::insert_into` of
/// `diesel::insert_into(users).values(new).execute(conn)`.
pub(super) fn first_function(chain: &ExprMethodCall) -> Option<&Path> {
    match root(&chain.receiver) {
        Expr::Call(first) => callee(first),
        _ => None,
    }
}

/// Removes parentheses from the expression, and the invisible groups of `macro_rules`.
pub(super) fn peel(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) => peel(&paren.expr),
        Expr::Group(group) => peel(&group.expr),
        other => other,
    }
}

/// Returns the path of the function that is called; `None` if the function is another expression.
pub(super) fn callee(call: &ExprCall) -> Option<&Path> {
    match peel(&call.func) {
        Expr::Path(path) => Some(&path.path),
        _ => None,
    }
}

/// Returns the last word of a path: `spawn` of `tokio::spawn`.
pub(super) fn last(path: &Path) -> Option<&Ident> {
    path.segments.last().map(|segment| &segment.ident)
}

/// Returns whether the path begins with the words: `a::b::c` and `a::b::c::d` begin with `a::b::c`.
pub(super) fn starts_with(path: &Path, words: &[&str]) -> bool {
    path.segments.len() >= words.len()
        && path
            .segments
            .iter()
            .zip(words)
            .all(|(segment, word)| segment.ident == *word)
}

/// Returns whether the path ends with the words: `b::c` and `a::b::c` end with `b::c`.
pub(super) fn ends_with(path: &Path, words: &[&str]) -> bool {
    path.segments.len() >= words.len()
        && path
            .segments
            .iter()
            .rev()
            .zip(words.iter().rev())
            .all(|(segment, word)| segment.ident == *word)
}

/// Returns whether the path certainly leads to an item of the user's own crate.
pub(super) fn is_of_this_crate(path: &Path) -> bool {
    const ROOTS: [&str; 4] = ["crate", "self", "super", "Self"];
    let first = path.segments.first().map(|segment| &segment.ident);
    first.is_some_and(|first| is_any(first, &ROOTS))
}

/// Returns whether this is a method of sqlx that runs a statement, on a query or on an executor.
pub(super) fn runs_statement(method: &Ident) -> bool {
    const NAMES: [&str; 7] = [
        "execute",
        "execute_many",
        "fetch",
        "fetch_all",
        "fetch_many",
        "fetch_one",
        "fetch_optional",
    ];
    is_any(method, &NAMES)
}

/// Returns whether the name is that of a type, a variant or a constant, by the convention of Rust.
pub(super) fn starts_upper(name: &Ident) -> bool {
    name.to_string().starts_with(char::is_uppercase)
}

/// Returns the async block that a future is made from: `async { .. }`, `Box::pin(async { .. })`,
/// `async { .. }.boxed()`.
pub(super) fn async_block(future: &Expr) -> Option<&ExprAsync> {
    match peel(future) {
        Expr::Async(block) => Some(block),
        Expr::Call(call) if call.args.len() == 1 => {
            let is_box = callee(call).is_some_and(|path| ends_with(path, &["Box", "pin"]));
            is_box.then(|| async_block(&call.args[0])).flatten()
        }
        Expr::MethodCall(call) if call.method == "boxed" && call.args.is_empty() => {
            async_block(&call.receiver)
        }
        _ => None,
    }
}

/// Returns the name of the function or method; `None` if the expression is not a call.
pub(super) fn called_name(call: &Expr) -> Option<&Ident> {
    match call {
        Expr::MethodCall(call) => Some(&call.method),
        Expr::Call(call) => callee(call).and_then(last),
        _ => None,
    }
}

/// Returns the beginning of a chain: `query("..")` of `query("..").bind(1).fetch_one(tx)`.
pub(super) fn root(expression: &Expr) -> &Expr {
    match peel(expression) {
        Expr::MethodCall(call) => root(&call.receiver),
        Expr::Field(field) => root(&field.base),
        Expr::Await(awaited) => root(&awaited.base),
        Expr::Try(tried) => root(&tried.expr),
        Expr::Index(index) => root(&index.expr),
        other => other,
    }
}

/// Returns whether this is `query(..)`, `query_as!(..)` or the like.
pub(super) fn makes_query(expression: &Expr) -> bool {
    let path = match peel(expression) {
        Expr::Call(call) => callee(call),
        Expr::Macro(call) => Some(&call.mac.path),
        _ => None,
    };
    path.and_then(last).is_some_and(is_query)
}

/// Returns whether this is a function or macro of sqlx that takes the text of a statement.
pub(super) fn is_query(name: &Ident) -> bool {
    const NAMES: [&str; 13] = [
        "query",
        "query_as",
        "query_as_unchecked",
        "query_as_with",
        "query_as_with_result",
        "query_scalar",
        "query_scalar_unchecked",
        "query_scalar_with",
        "query_scalar_with_result",
        "query_unchecked",
        "query_with",
        "query_with_result",
        "raw_sql",
    ];
    is_any(name, &NAMES)
}
