//! What a loop does again and again.

use quote::ToTokens;
use syn::{Block, Expr, Pat, Stmt};

use crate::lints::calls::{has_any, peel};
use crate::lints::names::{Is, Names};
use crate::lints::site::Repeats;

/// `items.chunks(500)`, and what an iterator adds behind it.
pub(super) fn is_chunked(iterated: &Expr, names: &Names) -> bool {
    match peel(iterated) {
        Expr::MethodCall(call) => {
            call.method.to_string().contains("chunks") || is_chunked(&call.receiver, names)
        }
        Expr::Reference(reference) => is_chunked(&reference.expr, names),
        other => names.of_variable(other) == Some(&Is::Chunks),
    }
}

/// A variable that is called a chunk is one, wherever it comes from.
pub(super) fn is_chunk(pattern: &Pat) -> bool {
    let tokens = pattern.to_token_stream().to_string();
    tokens.contains("chunk") || tokens.contains("batch")
}

/// `for attempt in 0..3`, `for _ in 0..3`: the same thing again.
pub(super) fn is_attempt(pattern: &Pat) -> bool {
    let tokens = pattern.to_token_stream().to_string();
    tokens == "_"
        || ["attempt", "retry", "retries", "tries"]
            .iter()
            .any(|word| tokens.contains(word))
}

/// `[a, b]`, and what an iterator adds behind it: a few things, each with a name in the source.
pub(super) fn is_listed(iterated: &Expr) -> bool {
    match peel(iterated) {
        Expr::Array(_) => true,
        Expr::MethodCall(call) => is_listed(&call.receiver),
        Expr::Reference(reference) => is_listed(&reference.expr),
        _ => false,
    }
}

/// A loop that ends in `break` runs again only after a failure, and one that waits is polling:
/// neither does the same for many things.
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
