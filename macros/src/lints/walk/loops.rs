//! What each turn of a loop does, as far as the text shows.

use quote::ToTokens;
use syn::{Block, Expr, Pat, Stmt};

use crate::lints::calls::{has_any, peel};
use crate::lints::names::{Is, Names};
use crate::lints::site::Repeats;

/// Returns whether the loop goes over `items.chunks(500)`, also with adapters behind `chunks`.
pub(super) fn is_chunked(iterated: &Expr, names: &Names) -> bool {
    match peel(iterated) {
        Expr::MethodCall(call) => {
            call.method.to_string().contains("chunks") || is_chunked(&call.receiver, names)
        }
        Expr::Reference(reference) => is_chunked(&reference.expr, names),
        other => names.of_variable(other) == Some(&Is::Chunks),
    }
}

/// Returns whether the variable is called a chunk or a batch. Such a variable counts as a chunk
/// wherever its value comes from.
pub(super) fn is_chunk(pattern: &Pat) -> bool {
    let tokens = pattern.to_token_stream().to_string();
    tokens.contains("chunk") || tokens.contains("batch")
}

/// Returns whether each turn does the same thing again: `for attempt in 0..3`, `for _ in 0..3`.
pub(super) fn is_attempt(pattern: &Pat) -> bool {
    let tokens = pattern.to_token_stream().to_string();
    tokens == "_"
        || ["attempt", "retry", "retries", "tries"]
            .iter()
            .any(|word| tokens.contains(word))
}

/// Returns whether the loop goes over `[a, b]`, also with adapters behind the list. The source
/// names each of the few values.
pub(super) fn is_listed(iterated: &Expr) -> bool {
    match peel(iterated) {
        Expr::Array(_) => true,
        Expr::MethodCall(call) => is_listed(&call.receiver),
        Expr::Reference(reference) => is_listed(&reference.expr),
        _ => false,
    }
}

/// Returns how often the body of `loop` or `while` runs. A loop that ends in `break` runs again
/// only after a failure, and a loop that waits is polling. Neither repeats the body for many
/// values.
pub(super) fn until(body: &Block) -> Repeats {
    const WAITS: [&str; 6] = [
        "changed",
        "notified",
        "recv",
        "sleep",
        "sleep_until",
        "tick",
    ];
    let ends = matches!(
        body.stmts.last(),
        Some(Stmt::Expr(Expr::Break(_) | Expr::Return(_), _))
    );
    if ends || has_any(body.to_token_stream(), &WAITS) {
        Repeats::Not
    } else {
        Repeats::Until
    }
}
