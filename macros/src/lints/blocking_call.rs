use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprMethodCall, Pat};

use super::calls::{callee, first_function, is_any, last, peel, starts_with};
use super::names::Is;
use super::report::last_token;
use super::site::{Runs, Site};
use super::waits::{self, Waits};
use super::{Lint, Pass};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "blocking_call",
    level: Level::Deny,
    finds: "a call that blocks the thread: `std::thread::sleep`, `std::fs`, `std::net`, `reqwest::blocking`, `block_on`, and `rusqlite`, `diesel` or `postgres` without async",
    message: "this blocks the thread, and every other task that runs on it waits, too",
    help: "await the async version of it (tokio's `time::sleep`, `fs`, `net`), or run it in `tokio::task::spawn_blocking` outside of the operation",
    why: r#"
An async runtime has a few threads for all tasks. One that waits inside `std::thread::sleep`, for a
file or for a synchronous driver cannot run any other task until it is back: requests that have
nothing to do with this one stall, timers fire late, and with one thread the application hangs.

The same names are not always the same thing: `fs::read(path).await` is tokio's, `fs::read(path)?`
can only be the standard library's. A call that may be either is allowed. Code in a closure for
`spawn_blocking`, `block_in_place` or a thread may block, and so may the body of a plain `fn`, which
dbop runs on such a thread.
"#,
    bad: r#"
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(read_only)]
async fn ready(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<bool> {
    std::thread::sleep(std::time::Duration::from_millis(50)); // the whole thread
    Ok(sqlx::query_scalar("SELECT count(*) = 0 FROM jobs").fetch_one(&mut *conn).await?)
}
"#,
    good: r#"
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(read_only)]
async fn ready(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<bool> {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await; // this task only
    Ok(sqlx::query_scalar("SELECT count(*) = 0 FROM jobs").fetch_one(&mut *conn).await?)
}
"#,
    pass: |subject| {
        // The body of a plain function runs on a thread that may block.
        let is_async = !subject.function.is_plain();
        is_async.then(|| Box::new(BlockingCall) as _)
    },
};

struct BlockingCall;

impl Pass for BlockingCall {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        if site.runs == Runs::OnOtherThread {
            return;
        }
        match expression {
            Expr::Call(call) => {
                let path = callee(call);
                if let Some((path, what)) =
                    path.and_then(|path| Some((path, waits::function_anywhere(path)?)))
                {
                    report(path, last_token(path), what, site);
                }
            }
            Expr::MethodCall(call) => blocking_method(call, site),
            // `fs::read(path)?` has its result at once, so the call does not return a future.
            Expr::Try(tried) => at_once(&tried.expr, site),
            Expr::Let(bound) if is_result(&bound.pat) => at_once(&bound.expr, site),
            Expr::Match(arms) if arms.arms.iter().any(|arm| is_result(&arm.pat)) => {
                at_once(&arms.expr, site);
            }
            _ => {}
        }
    }
}

const DRIVER: &str = "run the statement on the session with sqlx, or in `tokio::task::spawn_blocking` outside of the operation";

/// Returns what to do instead of waiting on this thread.
fn instead_of_waiting(waits: Waits) -> &'static str {
    match waits {
        Waits::Outside | Waits::File => LINT.help,
        Waits::Driver => DRIVER,
        Waits::Future => "await the future",
        Waits::Task => "await the version without `blocking_`",
    }
}

fn blocking_method(call: &ExprMethodCall, site: &mut Site) {
    const USE_RESULT: [&str; 8] = [
        "err",
        "expect",
        "is_err",
        "is_ok",
        "ok",
        "unwrap",
        "unwrap_or",
        "unwrap_or_default",
    ];
    let is_driver = || {
        matches!(peel(&call.receiver), Expr::Path(_))
            && site.names.of_variable(&call.receiver) == Some(&Is::Blocking)
    };
    let waits = match waits::method_anywhere(call) {
        Some(waits) => waits,
        None if call.method == "clone" => return,
        None if is_driver() && !site.is_awaited() => Waits::Driver,
        None if is_any(&call.method, &USE_RESULT) => return at_once(&call.receiver, site),
        None => return,
    };
    report(&call.method, call.method.span(), waits, site);
}

fn report(place: impl ToTokens, point: Span, waits: Waits, site: &mut Site) {
    let words = (LINT.message, instead_of_waiting(waits));
    site.report_as(&LINT, place, point, words);
}

/// Reports a call that blocks, if its result is used without an await.
fn at_once(value: &Expr, site: &mut Site) {
    const KEEP: [&str; 5] = [
        "context",
        "inspect_err",
        "map_err",
        "with_context",
        "wrap_err",
    ];
    const RUN: [&str; 6] = [
        "execute",
        "first",
        "get_result",
        "get_results",
        "load",
        "load_iter",
    ];
    match peel(value) {
        Expr::Call(call) => {
            let path = callee(call);
            let waits = waits::function_without_await;
            if let Some((path, what)) = path.and_then(|path| Some((path, waits(path)?))) {
                report(path, last_token(path), what, site);
            }
        }
        Expr::MethodCall(call) if is_any(&call.method, &KEEP) => {
            at_once(&call.receiver, site);
        }
        // `diesel::insert_into(..).execute(conn)?`, `users.load(conn)?`
        Expr::MethodCall(call) if is_any(&call.method, &RUN) => {
            let is_diesel = first_function(call).is_some_and(|path| starts_with(path, &["diesel"]));
            let is_driver = |value| site.names.of_variable(value) == Some(&Is::Blocking);
            if is_diesel || call.args.iter().any(is_driver) {
                report(&call.method, call.method.span(), Waits::Driver, site);
            }
        }
        _ => {}
    }
}

/// Returns whether the pattern is `Ok(..)` or `Err(..)`.
fn is_result(pattern: &Pat) -> bool {
    matches!(pattern, Pat::TupleStruct(pattern) if last(&pattern.path).is_some_and(|name| name == "Ok" || name == "Err"))
}
