use proc_macro2::Ident;
use syn::{Expr, ExprMethodCall, Pat, Path};

use super::calls::{ends_with, first_function, function, is_any, last, peel, starts_with};
use super::levels::Level;
use super::names::Is;
use super::report::last_token;
use super::site::{Runs, Site};
use super::{Lint, Pass};

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
can only be the standard library's. A call that may be either is let through. What runs in a closure
for `spawn_blocking`, `block_in_place` or a thread may block.
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
    pass: |_| Some(Box::new(BlockingCall)),
};

struct BlockingCall;

impl Pass for BlockingCall {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        if site.runs == Runs::OnOtherThread {
            return;
        }
        match expression {
            Expr::Call(call) => {
                let path = function(call);
                if let Some((path, help)) = path.and_then(|path| Some((path, instead_of(path)?))) {
                    site.report_as(&LINT, path, last_token(path), (LINT.message, help));
                }
            }
            Expr::MethodCall(call) => method(call, site),
            // `fs::read(path)?` has its result at once, so it is no future.
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
const BLOCK_ON: &str = "await the future";
const LOCK: &str = "await the version without `blocking_`";

/// What to do instead of a function that blocks wherever it is called.
fn instead_of(path: &Path) -> Option<&'static str> {
    const BLOCK: [&[&str]; 5] = [
        &["reqwest", "blocking"],
        &["std", "io", "stdin"],
        &["std", "net", "TcpListener"],
        &["std", "net", "TcpStream"],
        &["std", "net", "UdpSocket"],
    ];
    let is_file = || last(path).is_some_and(is_file_function);
    let is_ureq = || path.segments.len() == 2 && starts_with(path, &["ureq"]);
    if ends_with(path, &["thread", "sleep"])
        || BLOCK.iter().any(|words| starts_with(path, words))
        || starts_with(path, &["std", "fs"]) && is_file()
        || is_ureq()
    {
        Some(LINT.help)
    } else if starts_with(path, &["rusqlite", "Connection"])
        || ends_with(path, &["postgres", "Client", "connect"])
    {
        Some(DRIVER)
    } else {
        ends_with(path, &["block_on"]).then_some(BLOCK_ON)
    }
}

/// The functions of `std::fs`, and those of its types that open a file.
fn is_file_function(name: &Ident) -> bool {
    const NAMES: [&str; 24] = [
        "canonicalize",
        "copy",
        "create",
        "create_dir",
        "create_dir_all",
        "create_new",
        "exists",
        "hard_link",
        "metadata",
        "open",
        "options",
        "read",
        "read_dir",
        "read_link",
        "read_to_string",
        "remove_dir",
        "remove_dir_all",
        "remove_file",
        "rename",
        "set_permissions",
        "soft_link",
        "symlink",
        "symlink_metadata",
        "write",
    ];
    is_any(name, &NAMES)
}

fn method(call: &ExprMethodCall, site: &mut Site) {
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
    let name = call.method.to_string();
    let is_process = || {
        let started = first_function(call);
        started.is_some_and(|path| starts_with(path, &["std", "process", "Command"]))
    };
    let is_driver = || {
        matches!(peel(&call.receiver), Expr::Path(_))
            && site.names.of_variable(&call.receiver) == Some(&Is::Blocking)
    };
    let help = match name.as_str() {
        "block_on" => BLOCK_ON,
        "blocking_lock" | "blocking_read" | "blocking_recv" | "blocking_send"
        | "blocking_write" => LOCK,
        "output" | "status" | "wait" | "wait_with_output" if is_process() => LINT.help,
        "clone" => return,
        _ if is_driver() && !site.is_awaited() => DRIVER,
        used if USE_RESULT.contains(&used) => return at_once(&call.receiver, site),
        _ => return,
    };
    site.report_as(
        &LINT,
        &call.method,
        call.method.span(),
        (LINT.message, help),
    );
}

/// The call whose result is used without an await, if it would block.
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
            let path = function(call);
            let found = path.and_then(|path| Some((path, instead_of_result(path)?)));
            if let Some((path, help)) = found {
                site.report_as(&LINT, path, last_token(path), (LINT.message, help));
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
                let point = call.method.span();
                site.report_as(&LINT, &call.method, point, (LINT.message, DRIVER));
            }
        }
        _ => {}
    }
}

/// What to do instead of a function that tokio or diesel-async has under the same name.
fn instead_of_result(path: &Path) -> Option<&'static str> {
    const OPEN: [[&str; 2]; 6] = [
        ["File", "create"],
        ["File", "create_new"],
        ["File", "open"],
        ["TcpListener", "bind"],
        ["TcpStream", "connect"],
        ["UdpSocket", "bind"],
    ];
    const CONNECT: [[&str; 2]; 3] = [
        ["MysqlConnection", "establish"],
        ["PgConnection", "establish"],
        ["SqliteConnection", "establish"],
    ];
    // With more words it is that of tokio or of the application, or was told as one of std.
    let is_short = path.segments.len() == 2;
    let is_file = || starts_with(path, &["fs"]) && last(path).is_some_and(is_file_function);
    if is_short && (is_file() || OPEN.iter().any(|words| ends_with(path, words))) {
        return Some(LINT.help);
    }
    let connects = CONNECT.iter().any(|words| ends_with(path, words));
    connects.then_some(DRIVER)
}

/// `Ok(..)` or `Err(..)`
fn is_result(pattern: &Pat) -> bool {
    matches!(pattern, Pat::TupleStruct(pattern) if last(&pattern.path).is_some_and(|name| name == "Ok" || name == "Err"))
}
