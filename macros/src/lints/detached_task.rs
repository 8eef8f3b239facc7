use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprMethodCall, Path};

use super::calls::{function, is_any, peel};
use super::levels::Level;
use super::report::last_token;
use super::site::{Runs, Site};
use super::{Lint, Pass};

pub(super) static LINT: Lint = Lint {
    name: "detached_task",
    level: Level::Deny,
    finds: "in `#[transactional]`: `tokio::spawn` and its like",
    message: "this task is no part of the transaction: it is started again with every attempt, and runs on when the transaction rolls back",
    help: "start it when the transaction has committed, in `{session}.after_commit(async move { .. })`",
    why: r#"
A spawned task cannot use the transaction, and nothing ties it to what becomes of it. If the
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
            // It has nothing that takes a hook.
            true => "start it where this function is called, when that has returned `Ok`",
            false => LINT.help,
        };
        subject
            .is_transaction()
            .then(|| Box::new(DetachedTask { help }) as _)
    },
};

/// Crates and modules that have a function `spawn` like tokio's.
const EXECUTORS: [&str; 9] = [
    "actix_rt",
    "async_runtime",
    "async_std",
    "rayon",
    "rt",
    "smol",
    "task",
    "thread",
    "tokio",
];

struct DetachedTask {
    /// What to do instead.
    help: &'static str,
}

impl Pass for DetachedTask {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        // One that is awaited here is waited for, which is another lint's business.
        if site.runs != Runs::Here || site.is_waited_for() {
            return;
        }
        match expression {
            Expr::Call(call) => {
                let is_future = call.args.first().is_some_and(is_future);
                let spawns = |path: &&Path| spawns(path) || is_future && path.is_ident("spawn");
                if let Some(path) = function(call).filter(spawns) {
                    // A task that borrows the session ends within it.
                    if !call.args.iter().any(|argument| site.names.uses(argument)) {
                        self.report(path, last_token(path), site);
                    }
                }
            }
            Expr::MethodCall(call) if is_spawn(call) && !site.names.uses(expression) => {
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

/// Whatever they are called on.
const SPAWN: [&str; 3] = ["spawn_blocking", "spawn_local", "spawn_on"];

fn spawns(path: &Path) -> bool {
    let mut words = path.segments.iter().rev().map(|segment| &segment.ident);
    let (name, module) = (words.next(), words.next());
    name.is_some_and(|name| is_any(name, &SPAWN))
        || name.is_some_and(|name| name == "spawn")
            && module.is_some_and(|module| is_any(module, &EXECUTORS))
}

/// `handle.spawn(future)`, `tasks.spawn(..)`. A process is spawned without an argument.
fn is_spawn(call: &ExprMethodCall) -> bool {
    is_any(&call.method, &SPAWN)
        || call.method == "spawn" && call.args.len() == 1 && is_future(&call.args[0])
}

fn is_future(value: &Expr) -> bool {
    matches!(
        peel(value),
        Expr::Async(_) | Expr::Call(_) | Expr::Closure(_) | Expr::MethodCall(_)
    )
}
