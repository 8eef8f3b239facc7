use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprCall, ExprMethodCall, Path, Stmt};

use super::api::constructs;
use super::calls::{callee, is_any, peel};
use super::names::{Is, Names};
use super::report::last_token;
use super::site::{Runs, Site};
use super::{Lint, Pass};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "detached_task",
    level: Level::Deny,
    finds: "in `#[transactional]`: `tokio::spawn` and similar calls",
    message: "this task is not part of the transaction: it is started again with every attempt, and runs on when the transaction rolls back",
    help: "start it when the transaction has committed, in `{session}.after_commit(async move { .. })`",
    why: r#"
A spawned task cannot use the transaction, and does not depend on its outcome. If the
transaction is replayed after a conflict, there are two such tasks; if it rolls back, the task
announces an order that does not exist; if it starts before the commit, it may look for rows that
nobody can see yet.

`tx.after_commit(..)` runs once, after the commit that counted, with the connection given back.
Work that has to survive a crash of the process is written to a table in the same transaction and
picked up from there. A plain `fn` has no hooks: its caller starts the task.
"#,
    bad: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;
# async fn send_receipt(order: i64) {}

#[transactional]
async fn order(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("INSERT INTO orders (id) VALUES (?)").bind(id).execute(&mut *tx).await?;
    tokio::spawn(send_receipt(id)); // sent even if the order is rolled back
    Ok(())
}
"#,
    good: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;
# async fn send_receipt(order: i64) {}

#[transactional]
async fn order(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("INSERT INTO orders (id) VALUES (?)").bind(id).execute(&mut *tx).await?;
    tx.after_commit(async move {
        tokio::spawn(send_receipt(id));
    });
    Ok(())
}
"#,
    pass: |subject| {
        let help = match subject.function.is_plain() {
            // A plain function has no session that takes a hook.
            true => "start it where this function is called, when that has returned `Ok`",
            false => LINT.help,
        };
        subject
            .is_transaction()
            .then(|| Box::new(DetachedTask { help }) as _)
    },
};

/// Crates that have a function `spawn`, in a module or at the root.
const CRATES: [&str; 6] = ["actix_rt", "async_std", "rayon", "smol", "std", "tokio"];

/// Modules of any crate that have a function `spawn` like tokio's.
const MODULES: [&str; 8] = [
    "actix_rt",
    "async_runtime",
    "async_std",
    "rayon",
    "rt",
    "smol",
    "task",
    "tokio",
];

/// Names that such a function has in any module.
const SPAWN: [&str; 3] = ["spawn_blocking", "spawn_local", "spawn_on"];

struct DetachedTask {
    /// The advice for this kind of function.
    help: &'static str,
}

impl Pass for DetachedTask {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        // The lint `foreign_await` looks at a task that is awaited here.
        if site.runs != Runs::Here || site.is_waited_for() {
            return;
        }
        match expression {
            Expr::Call(call) => {
                if let Some(path) = callee(call).filter(|path| spawns(path, call, &site.names)) {
                    // A task that borrows the session ends before the session.
                    if !call.args.iter().any(|argument| site.names.uses(argument)) {
                        self.report(path, last_token(path), site);
                    }
                }
            }
            Expr::MethodCall(call)
                if is_spawn(call, &site.names) && !site.names.uses(expression) =>
            {
                self.report(&call.method, call.method.span(), site);
            }
            _ => {}
        }
    }
}

impl DetachedTask {
    fn report(&self, place: impl ToTokens, point: Span, site: &mut Site) {
        site.report_as(&LINT, place, point, (LINT.message, self.help));
    }
}

/// Returns whether the call starts a task. If the path does not lead to a known crate, the
/// application may have a module or a function of that name, and the argument decides.
fn spawns(path: &Path, call: &ExprCall, names: &Names) -> bool {
    let mut words = path.segments.iter().rev().map(|segment| &segment.ident);
    let (Some(name), module, Some(work)) = (words.next(), words.next(), call.args.first()) else {
        return false;
    };
    let of_thread = module.is_some_and(|module| module == "thread");
    let of_module = of_thread || module.is_none_or(|module| is_any(module, &MODULES));
    let is_certain = is_any(name, &SPAWN);
    let is_named_so = is_certain || of_module && name == "spawn";
    if !is_named_so {
        return false;
    }
    let of_crate = |path: &Path| is_any(&path.segments[0].ident, &CRATES);
    let is_alone = call.args.len() == 1;
    if names.is_own(path) {
        is_work(work)
    } else if is_certain || module.is_some() && of_crate(path) {
        true
    } else if of_thread {
        is_alone && (is_stored_work(work, names) || names.is_item(work))
    } else {
        is_alone && may_be_future(work, names)
    }
}

/// Returns whether the call is `handle.spawn(future)`, `tasks.spawn(..)` or the like. A process is
/// spawned without an argument.
fn is_spawn(call: &ExprMethodCall, names: &Names) -> bool {
    is_any(&call.method, &SPAWN)
        || call.method == "spawn" && call.args.len() == 1 && may_be_future(&call.args[0], names)
}

/// Returns whether the value is a closure or an async block, or made from one: `Box::pin(async { ..
/// })`, `async { .. }.instrument(span)`.
fn is_work(value: &Expr) -> bool {
    match peel(value) {
        Expr::Async(_) | Expr::Closure(_) => true,
        Expr::Block(block) => match block.block.stmts.last() {
            Some(Stmt::Expr(last, None)) => is_work(last),
            _ => false,
        },
        Expr::Call(call) => call.args.len() == 1 && is_work(&call.args[0]),
        Expr::MethodCall(call) => is_work(&call.receiver),
        _ => false,
    }
}

/// Like [`is_work`], but also accepts a variable that holds such a value.
fn is_stored_work(value: &Expr, names: &Names) -> bool {
    is_work(value) || names.of_variable(value) == Some(&Is::Work)
}

/// Returns whether the value may be the future of an async function, as far as the text shows. A
/// new value of a type, or a part or a copy of another value, is none.
fn may_be_future(value: &Expr, names: &Names) -> bool {
    const DATA: [&str; 8] = [
        "as_ref",
        "as_str",
        "clone",
        "into",
        "len",
        "to_owned",
        "to_string",
        "to_vec",
    ];
    match peel(value) {
        Expr::Call(call) if !is_work(value) => !callee(call).is_some_and(constructs),
        Expr::MethodCall(call) => !is_any(&call.method, &DATA),
        other => is_stored_work(other, names),
    }
}
