//! Which call a `Result` comes from: a statement, a joined call, a row.

use syn::{Expr, ExprCall, ExprMethodCall, Ident};

use super::api::{Ended, constructs};
use super::calls::{callee, is_any, peel, starts_with};
use super::names::Names;

/// Returns the call whose `Result` this value may be; `None` if there is no such call. Only a call
/// that uses the session certainly returns a `Result`.
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

/// Returns whether the call is a statement or another operation. A helper may return anything.
pub(super) fn is_statement(ended: &Ended<'_>, names: &Names) -> bool {
    let Some(name) = ended.name() else {
        // The value is the `Result` of a row.
        return true;
    };
    // `users.first(conn)`
    let is_diesels = || match ended.call {
        Expr::MethodCall(call) => call.args.iter().any(|argument| names.is_handle(argument)),
        _ => false,
    };
    names.api.certainly_runs(name) || names.api.runs(name) && is_diesels()
}

/// Returns whether the call has used the session. A savepoint may fail, because a failed savepoint
/// is undone alone.
pub(super) fn uses_session(ended: &Ended<'_>, names: &Names) -> bool {
    // The end of a transaction has a lint of its own, `manual_transaction`.
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

/// Returns whether the value is the `Result` of a call that has used the session, as far as the
/// text shows.
pub(super) fn may_fail(value: &Expr, names: &Names) -> bool {
    result_of(value, names).is_some_and(|ended| call_may_fail(&ended, names))
}

/// Returns whether the call is a statement on the session, or a call that is given the session, so
/// that it likely returns a `Result`.
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

/// Returns whether the call in a plain function has used the connection. Most calls that have the
/// connection are no statements: `conn.last_insert_rowid()`, `statement.column_count()`.
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

/// Returns whether an argument uses the connection. A closure does not count, because the calls
/// inside are looked at separately.
fn is_given_connection<'a>(mut arguments: impl Iterator<Item = &'a Expr>, names: &Names) -> bool {
    arguments.any(|argument| !matches!(peel(argument), Expr::Closure(_)) && names.uses(argument))
}

/// Returns whether the call makes a value: `Repo::new(conn)`, `Some(conn)`,
/// `std::mem::replace(conn, other)`.
fn makes_value(call: &ExprCall) -> bool {
    let is_std = |path| starts_with(path, &["std"]) || starts_with(path, &["mem"]);
    callee(call).is_some_and(|path| constructs(path) || is_std(path))
}

/// Returns a statement on the session that is not awaited; `None` if the value is something else.
pub(super) fn unawaited<'a>(value: &'a Expr, names: &Names) -> Option<&'a ExprMethodCall> {
    match peel(value) {
        Expr::MethodCall(call) if is_unawaited(call, names) => Some(call),
        _ => None,
    }
}

pub(super) fn is_unawaited(call: &ExprMethodCall, names: &Names) -> bool {
    !names.api.is_plain() && names.api.runs(&call.method) && names.method_uses(call)
}
