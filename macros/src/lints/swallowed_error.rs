use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, ExprAwait, ExprMatch, ExprMethodCall, Local, Pat};

use super::calls::{awaited_name, function, is_any, last, peel, runs_statement};
use super::levels::Level;
use super::report::last_token;
use super::site::{Around, Site};
use super::{Lint, Pass, Subject};

pub(super) static LINT: Lint = Lint {
    name: "swallowed_error",
    level: Level::Deny,
    finds: "an error of a statement or joined call that nobody sees: `let _ = ...await`, `.ok()`, an ignored `Result`",
    message: "if this fails, nobody sees it, and the caller takes the work for done",
    help: "end it with `?`{instead}",
    why: r#"
On PostgreSQL a statement that fails aborts the whole transaction: what follows is refused, and the
call fails in the end with an error that nobody can place. On SQLite what came before stays, and
half of the work is committed. Either way a deadlock that a replay would have cured is not seen as
one.

A failure that is a part of the plan is matched on (`Err(error) if ..`), or avoided
(`INSERT .. ON CONFLICT DO NOTHING`), or kept in a savepoint, which is undone alone:
`tx.savepoint(..)` and `#[transactional(nested)]` calls may be ignored, the latter with an `allow`.

A statement that is not awaited at all is found, too: it never runs. The text does not show what a
helper returns: one that takes the session and cannot fail is written `let () = helper(&mut *tx).await;`,
and a value that is not needed `let _value = helper(&mut *tx).await;`.
"#,
    bad: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn close(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    let _ = sqlx::query("INSERT INTO audit (account) VALUES (?)").bind(id).execute(&mut *tx).await;
    sqlx::query("DELETE FROM accounts WHERE id = ?").bind(id).execute(&mut *tx).await?;
    Ok(())
}
"#,
    good: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn close(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("INSERT INTO audit (account) VALUES (?)").bind(id).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM accounts WHERE id = ?").bind(id).execute(&mut *tx).await?;
    Ok(())
}
"#,
    pass: |subject| {
        let has_session = subject.has_session();
        has_session.then(|| Box::new(SwallowedError::new(subject)) as _)
    },
};

/// A statement that nobody awaits.
const NEVER_RUN: (&str, &str) = (
    "this statement never runs: a future does nothing until it is awaited",
    "end it with `.await?`",
);

struct SwallowedError {
    /// What to write instead.
    help: String,
}

impl Pass for SwallowedError {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        match expression {
            Expr::Await(awaited) if site.is_discarded && may_fail(awaited, site) => {
                self.discarded(awaited, site);
            }
            Expr::MethodCall(call) => self.method(call, site),
            Expr::Call(call) => {
                let name = function(call).and_then(last);
                let is_drop = name.is_some_and(|name| name == "drop") && call.args.len() == 1;
                let dropped = call.args.first().filter(|_| is_drop);
                let dropped = dropped.and_then(|value| awaited_in(value));
                if dropped.is_some_and(|awaited| may_fail(awaited, site)) {
                    self.report(call, last_token(&call.func), site);
                }
            }
            Expr::Assign(assignment) if matches!(&*assignment.left, Expr::Infer(_)) => {
                self.ignored(&assignment.right, assignment.left.to_token_stream(), site);
            }
            Expr::If(branches) if branches.else_branch.is_none() => {
                self.only_ok(&branches.cond, site);
            }
            Expr::While(each) => self.only_ok(&each.cond, site),
            Expr::Match(arms) => self.arms(arms, site),
            _ => {}
        }
    }

    fn binding(&mut self, local: &Local, site: &mut Site) {
        let value = local.init.as_ref().map(|init| &*init.expr);
        if let (Pat::Wild(_), Some(value)) = (untyped(&local.pat), value) {
            let (keyword, pattern) = (&local.let_token, &local.pat);
            self.ignored(value, quote!(#keyword #pattern), site);
        }
    }
}

impl SwallowedError {
    fn new(subject: &Subject<'_>) -> SwallowedError {
        let instead = if subject.is_transaction() {
            "; to go on after a failure, run it in `{session}.savepoint(..)`"
        } else {
            ", or match on the error"
        };
        SwallowedError {
            help: LINT.help.replace("{instead}", instead),
        }
    }

    fn report(&self, place: impl ToTokens, point: Span, site: &mut Site) {
        site.report_as(&LINT, place, point, (LINT.message, &self.help));
    }

    /// `helper(tx).await;`, of which the text does not show whether it can fail.
    fn discarded(&self, awaited: &ExprAwait, site: &mut Site) {
        let mut help = self.help.clone();
        if !is_statement(awaited) {
            help += "; if it cannot fail, write `let () = ..`";
        }
        let point = awaited.await_token.span;
        site.report_as(&LINT, awaited, point, (LINT.message, &help));
    }

    /// `let _ = value;`
    fn ignored(&self, value: &Expr, place: TokenStream, site: &mut Site) {
        let awaited = awaited_in(value).filter(|awaited| may_fail(awaited, site));
        if let Some(awaited) = awaited {
            self.report(place, awaited.await_token.span, site);
        } else if let Some(statement) = unawaited(value, site) {
            site.report_as(&LINT, value, statement.method.span(), NEVER_RUN);
        }
    }

    /// `..await.ok()`, `..await.unwrap_or_default()`
    fn method(&self, call: &ExprMethodCall, site: &mut Site) {
        let lost = awaited_in(&call.receiver).filter(|_| swallows(call) && !is_converted(site));
        // A helper may return an `Option`, which has methods of the same name; `ok` it has not.
        let is_lost = |awaited: &ExprAwait| match call.method == "ok" {
            true => uses_session(awaited, site),
            false => is_statement(awaited) && uses_session(awaited, site),
        };
        if lost.is_some_and(is_lost) {
            self.report(&call.method, call.method.span(), site);
        } else if site.is_discarded && unawaited_call(call, site) {
            site.report_as(&LINT, call, call.method.span(), NEVER_RUN);
        }
    }

    /// `if let Ok(row) = ..await {}` and `while let Ok(Some(row)) = ..`, which end quietly on an error.
    fn only_ok(&self, condition: &Expr, site: &mut Site) {
        if let Expr::Binary(both) = peel(condition) {
            self.only_ok(&both.left, site);
            self.only_ok(&both.right, site);
        }
        if let Expr::Let(condition) = peel(condition) {
            let awaited = awaited_in(&condition.expr).filter(|_| is_named(&condition.pat, "Ok"));
            if let Some(awaited) = awaited.filter(|awaited| uses_session(awaited, site)) {
                self.report(&condition.pat, awaited.await_token.span, site);
            }
        }
    }

    /// `match ..await { Ok(row) => .., Err(_) => {} }`
    fn arms(&self, arms: &ExprMatch, site: &mut Site) {
        let awaited = awaited_in(&arms.expr);
        if !awaited.is_some_and(|awaited| uses_session(awaited, site)) {
            return;
        }
        let has = |name| arms.arms.iter().any(|arm| is_named(&arm.pat, name));
        let rest_is_error = has("Ok") && !has("Err");
        for arm in &arms.arms {
            let ignores = match &arm.pat {
                Pat::Wild(_) => rest_is_error,
                Pat::TupleStruct(pattern) => {
                    let mut inside = pattern.elems.iter();
                    is_named(&arm.pat, "Err") && inside.all(|inner| matches!(inner, Pat::Wild(_)))
                }
                _ => false,
            };
            if ignores && does_nothing(&arm.body) {
                self.report(&arm.pat, last_token(&arm.pat), site);
            }
        }
    }
}

/// Whether the method makes something of a `Result` that does not say why it failed.
fn swallows(call: &ExprMethodCall) -> bool {
    match call.method.to_string().as_str() {
        "ok" | "unwrap_or" | "unwrap_or_default" => true,
        // `unwrap_or_else(|_| 0)`; one that looks at the error may do anything.
        "unwrap_or_else" => match call.args.first().map(peel) {
            Some(Expr::Closure(closure)) => matches!(closure.inputs.first(), Some(Pat::Wild(_))),
            _ => false,
        },
        _ => false,
    }
}

/// Whether another error is made of what is here: `.ok().ok_or(NotFound)?`, `.ok() else { .. }`.
fn is_converted(site: &Site) -> bool {
    const ERRORS: [&str; 6] = [
        "context",
        "expect",
        "ok_or",
        "ok_or_else",
        "unwrap",
        "with_context",
    ];
    const KEEP: [&str; 6] = ["and_then", "cloned", "copied", "filter", "flatten", "map"];
    for around in site.around.iter().rev() {
        match around {
            Around::LetElse => return true,
            Around::Receiver(method) if is_any(method, &ERRORS) => return true,
            Around::Receiver(method) if is_any(method, &KEEP) => {}
            _ => return false,
        }
    }
    false
}

/// Whether this is a statement of sqlx, and not a helper.
fn is_statement(awaited: &ExprAwait) -> bool {
    awaited_name(awaited).is_some_and(runs_statement)
}

/// The await whose `Result` this is.
fn awaited_in(value: &Expr) -> Option<&ExprAwait> {
    const KEEP: [&str; 8] = [
        "and_then",
        "context",
        "inspect_err",
        "map",
        "map_err",
        "or_else",
        "with_context",
        "wrap_err",
    ];
    match peel(value) {
        Expr::Await(awaited) => Some(awaited),
        Expr::MethodCall(call) if is_any(&call.method, &KEEP) => awaited_in(&call.receiver),
        _ => None,
    }
}

/// Whether what is awaited uses the session. A savepoint may fail: it is undone alone.
fn uses_session(awaited: &ExprAwait, site: &Site) -> bool {
    // That of a transaction by hand has a lint of its own.
    const OTHERS: [&str; 3] = ["commit", "rollback", "savepoint"];
    let is_other = awaited_name(awaited).is_some_and(|name| is_any(name, &OTHERS));
    !is_other && site.names.uses(&awaited.base)
}

/// Whether what is awaited is a statement on the session, or a call that is given the session, so
/// that its result is likely a `Result`.
fn may_fail(awaited: &ExprAwait, site: &Site) -> bool {
    let names = &site.names;
    uses_session(awaited, site)
        && match peel(&awaited.base) {
            Expr::MethodCall(call) => {
                runs_statement(&call.method)
                    || call.method.to_string().starts_with("try_")
                    || names.is_handle(&call.receiver)
                    || call.args.iter().any(|argument| names.uses(argument))
            }
            Expr::Call(_) => true,
            _ => false,
        }
}

/// A statement on the session that is not awaited.
fn unawaited<'a>(value: &'a Expr, site: &Site) -> Option<&'a ExprMethodCall> {
    match peel(value) {
        Expr::MethodCall(call) if unawaited_call(call, site) => Some(call),
        _ => None,
    }
}

fn unawaited_call(call: &ExprMethodCall, site: &Site) -> bool {
    runs_statement(&call.method)
        && (site.names.uses(&call.receiver)
            || call.args.iter().any(|argument| site.names.uses(argument)))
}

/// `Ok(..)`
fn is_named(pattern: &Pat, name: &str) -> bool {
    match pattern {
        Pat::TupleStruct(pattern) => last(&pattern.path).is_some_and(|last| last == name),
        Pat::Guard(guarded) => is_named(&guarded.pat, name),
        Pat::Or(any) => any.cases.iter().any(|case| is_named(case, name)),
        Pat::Paren(inner) => is_named(&inner.pat, name),
        _ => false,
    }
}

fn does_nothing(body: &Expr) -> bool {
    match body {
        Expr::Block(block) => block.block.stmts.is_empty(),
        Expr::Tuple(unit) => unit.elems.is_empty(),
        Expr::Lit(_) => true,
        _ => false,
    }
}

fn untyped(pattern: &Pat) -> &Pat {
    match pattern {
        Pat::Type(typed) => untyped(&typed.pat),
        other => other,
    }
}
