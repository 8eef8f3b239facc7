//! What a value is the `Result` of: a statement, a joined call, a row.

use syn::{Expr, ExprCall, ExprMethodCall, Ident};

use super::api::{Ended, constructs};
use super::calls::{callee, is_any, peel, starts_with};
use super::names::Names;

/// The call whose `Result` this is. That a value is one is only known where the call uses the
/// session.
pub(super) fn result_of<'a>(value: &'a Expr, names: &Names) -> Option<Ended<'a>> {
    const KEEP: [&str; 9] = [
        "and_then",
        "context",
        "inspect_err",
        "map",
        "map_err",
        "optional",
        "or_else",
        "with_context",
        "wrap_err",
    ];
    match peel(value) {
        Expr::MethodCall(call) if is_any(&call.method, &KEEP) => result_of(&call.receiver, names),
        whole @ Expr::Path(_) if names.is_outcome(whole) => Some(Ended { whole, call: whole }),
        other => names.api.ended(other),
    }
}

/// Whether this is a statement, or another operation, and not a helper that may return anything.
pub(super) fn is_statement(ended: &Ended<'_>, names: &Names) -> bool {
    let Some(name) = ended.name() else {
        // The `Result` of a row.
        return true;
    };
    // `users.first(conn)`
    let is_diesels = || match ended.call {
        Expr::MethodCall(call) => call.args.iter().any(|argument| names.is_handle(argument)),
        _ => false,
    };
    names.api.certainly_runs(name) || names.api.runs(name) && is_diesels()
}

/// Whether what has ended used the session. A savepoint may fail: it is undone alone.
pub(super) fn uses_session(ended: &Ended<'_>, names: &Names) -> bool {
    // That of a transaction by hand has a lint of its own.
    let is_other = |name: &Ident| {
        is_any(name, &["commit", "rollback"]) || name.to_string().contains("savepoint")
    };
    if ended.name().is_some_and(is_other) {
        false
    } else if names.api.is_plain() {
        call_uses_connection(ended, names)
    } else {
        names.uses(ended.call)
    }
}

/// Whether this is the `Result` of something that used the session, as far as one sees.
pub(super) fn may_fail(value: &Expr, names: &Names) -> bool {
    result_of(value, names).is_some_and(|ended| call_may_fail(&ended, names))
}

/// Whether what has ended is a statement on the session, or a call that is given the session, so
/// that its result is likely a `Result`.
pub(super) fn call_may_fail(ended: &Ended<'_>, names: &Names) -> bool {
    let returns_result = |call: &ExprMethodCall| {
        names.api.runs(&call.method)
            || call.method.to_string().starts_with("try_")
            || names.is_handle(&call.receiver)
            || call.args.iter().any(|argument| names.uses(argument))
    };
    uses_session(ended, names)
        && match ended.call {
            _ if names.api.is_plain() => true,
            Expr::MethodCall(call) => returns_result(call),
            Expr::Call(_) => true,
            _ => false,
        }
}

/// The same in a plain function, where most of what has the connection is no statement:
/// `conn.last_insert_rowid()`, `statement.column_count()`.
fn call_uses_connection(ended: &Ended<'_>, names: &Names) -> bool {
    match ended.call {
        Expr::MethodCall(call) => {
            let is_statement = names.api.runs(&call.method) && names.uses(&call.receiver);
            is_statement || is_given_connection(call.args.iter(), names)
        }
        Expr::Call(call) => !makes_value(call) && is_given_connection(call.args.iter(), names),
        other => names.is_outcome(other),
    }
}

/// A closure that uses it is no such argument: what becomes of its results is seen inside.
fn is_given_connection<'a>(mut arguments: impl Iterator<Item = &'a Expr>, names: &Names) -> bool {
    arguments.any(|argument| !matches!(peel(argument), Expr::Closure(_)) && names.uses(argument))
}

/// `Repo::new(conn)`, `Some(conn)`, `std::mem::replace(conn, other)`
fn makes_value(call: &ExprCall) -> bool {
    let is_std = |path| starts_with(path, &["std"]) || starts_with(path, &["mem"]);
    callee(call).is_some_and(|path| constructs(path) || is_std(path))
}

/// A statement on the session that is not awaited.
pub(super) fn unawaited<'a>(value: &'a Expr, names: &Names) -> Option<&'a ExprMethodCall> {
    match peel(value) {
        Expr::MethodCall(call) if is_unawaited(call, names) => Some(call),
        _ => None,
    }
}

pub(super) fn is_unawaited(call: &ExprMethodCall, names: &Names) -> bool {
    !names.api.is_plain()
        && names.api.runs(&call.method)
        && (names.uses(&call.receiver) || call.args.iter().any(|argument| names.uses(argument)))
}
