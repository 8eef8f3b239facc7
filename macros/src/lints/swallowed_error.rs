use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, ExprMatch, ExprMethodCall, Local, Pat};

use super::api::{Api, Ended};
use super::calls::{callee, ends_with, is_any, last, peel};
use super::report::last_token;
use super::results;
use super::site::{Around, Site};
use super::{Lint, Pass, Subject};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "swallowed_error",
    level: Level::Deny,
    finds: "an error of a statement or joined call that nobody sees: `let _ = ...await`, `.ok()`, an ignored `Result`",
    message: "if this fails, nobody sees the error, and the caller believes that the work is done",
    help: "end it with `?`{instead}",
    why: r#"
On PostgreSQL a statement that fails aborts the whole transaction: what follows is refused, and the
call fails in the end with an error that nobody can place. On SQLite what came before stays, and
half of the work is committed. Either way a deadlock that a replay would have cured is not seen as
one.

For a failure that you expect, match on the error (`Err(error) if ..`), avoid it
(`INSERT .. ON CONFLICT DO NOTHING`), or keep it in a savepoint, which is undone alone:
`tx.savepoint(..)` and `#[transactional(nested)]` calls may be ignored, the latter with an `allow`.

A statement that is not awaited at all never runs, and is reported as well. The text does not show
what a helper returns. Write `let () = helper(&mut *tx).await;` for a helper that takes the session
and cannot fail, and `let _value = helper(&mut *tx).await;` for a value that is not needed.

In a plain `fn`, the lint looks at the `Result` of the driver's own methods, of functions that are
given the connection, and of each row: `rows.flatten()` leaves out the rows that failed. If there may
be no row, write `.optional()?`, or `query_opt` with `postgres`.
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
        let sees_session = subject.has_session() || subject.function.lent().is_some();
        sees_session.then(|| Box::new(SwallowedError::new(subject)) as _)
    },
};

/// The message and the help for a statement that nobody awaits.
const NEVER_RUN: (&str, &str) = (
    "this statement never runs: a future does nothing until it is awaited",
    "end it with `.await?`",
);

/// The help for rows of which the failed ones are left out.
const ROWS: &str = "collect them with `collect::<Result<Vec<_>, _>>()?`, or end each row with `?`";

struct SwallowedError {
    /// The advice: what to write instead.
    help: String,
}

impl Pass for SwallowedError {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        match expression {
            Expr::Await(_) => self.discarded(expression, site),
            Expr::MethodCall(call) => self.method(call, site),
            Expr::Call(call) => {
                let name = callee(call).and_then(last);
                let is_drop = name.is_some_and(|name| name == "drop") && call.args.len() == 1;
                let dropped = call.args.first().filter(|_| is_drop);
                if dropped.is_some_and(|value| results::may_fail(value, &site.names)) {
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
            let savepoint = Api::of(subject.function).savepoint();
            format!("; to go on after a failure, run it in {savepoint}")
        } else {
            ", or match on the error".to_owned()
        };
        SwallowedError {
            help: LINT.help.replace("{instead}", &instead),
        }
    }

    fn report(&self, place: impl ToTokens, point: Span, site: &mut Site) {
        site.report_as(&LINT, place, point, (LINT.message, &self.help));
    }

    /// Returns the help for users who only meant that there may be no row, or no more rows.
    fn help_with(&self, lost: &Ended<'_>, api: Api) -> String {
        const ONE_ROW: [&str; 4] = ["first", "get_result", "query_one", "query_row"];
        let name = lost.name();
        let reads_one = name.is_some_and(|name| is_any(name, &ONE_ROW));
        let instead = match api {
            Api::Sqlx => "",
            _ if name.is_none_or(|name| name == "next") => return ROWS.to_owned(),
            Api::Rusqlite | Api::Diesel if reads_one => "; `.optional()?` makes `None` of no row",
            Api::Postgres if reads_one => "; `query_opt` gives `None` for no row",
            _ => "",
        };
        self.help.clone() + instead
    }

    /// Reports `helper(tx).await;`, whose text does not show whether the helper can fail. rustc
    /// reports an unused `Result` that needs no await.
    fn discarded(&self, awaited: &Expr, site: &mut Site) {
        let ended = site.api().ended(awaited).filter(|_| site.is_discarded);
        let Some(ended) = ended.filter(|ended| results::call_may_fail(ended, &site.names)) else {
            return;
        };
        let mut help = self.help.clone();
        if !results::is_statement(&ended, &site.names) {
            help += "; if it cannot fail, write `let () = ..`";
        }
        site.report_as(&LINT, awaited, ended.point(), (LINT.message, &help));
    }

    /// Reports `let _ = value;`.
    fn ignored(&self, value: &Expr, place: TokenStream, site: &mut Site) {
        if let Some(lost) = results::result_of(value, &site.names)
            && results::call_may_fail(&lost, &site.names)
        {
            self.report(place, lost.point(), site);
        } else if let Some(statement) = results::unawaited(value, &site.names) {
            site.report_as(&LINT, value, statement.method.span(), NEVER_RUN);
        }
    }

    /// Reports `..await.ok()`, `..await.unwrap_or_default()` and the like.
    fn method(&self, call: &ExprMethodCall, site: &mut Site) {
        let lost = results::result_of(&call.receiver, &site.names);
        let lost = lost.filter(|_| swallows(call) && !is_converted(site));
        // A helper may return an `Option`, which has methods of the same names, except `ok`.
        let is_lost = |ended: &Ended<'_>| {
            let is_result = call.method == "ok" || results::is_statement(ended, &site.names);
            is_result && results::uses_session(ended, &site.names)
        };
        if let Some(lost) = lost.filter(is_lost) {
            let help = self.help_with(&lost, site.api());
            let words = (LINT.message, &*help);
            site.report_as(&LINT, &call.method, call.method.span(), words);
        } else if site.names.is_rows(&call.receiver) && leaves_out(call) {
            let words = (LINT.message, ROWS);
            site.report_as(&LINT, &call.method, call.method.span(), words);
        } else if site.is_discarded && results::is_unawaited(call, &site.names) {
            site.report_as(&LINT, call, call.method.span(), NEVER_RUN);
        }
    }

    /// Reports `if let Ok(row) = ..await {}` and `while let Ok(Some(row)) = ..`, which end without
    /// a word on an error.
    fn only_ok(&self, condition: &Expr, site: &mut Site) {
        if let Expr::Binary(both) = peel(condition) {
            self.only_ok(&both.left, site);
            self.only_ok(&both.right, site);
        }
        if let Expr::Let(condition) = peel(condition) {
            let names = &site.names;
            let is_next = is_some_ok(&condition.pat) && names.is_outcome(&condition.expr);
            let lost = results::result_of(&condition.expr, names)
                .filter(|lost| is_named(&condition.pat, "Ok") || is_next && lost.name().is_some())
                .filter(|lost| results::uses_session(lost, names));
            if let Some(lost) = lost {
                let help = self.help_with(&lost, site.api());
                let words = (LINT.message, &*help);
                site.report_as(&LINT, &condition.pat, lost.point(), words);
            }
        }
    }

    /// Reports `match ..await { Ok(row) => .., Err(_) => {} }`.
    fn arms(&self, arms: &ExprMatch, site: &mut Site) {
        let lost = results::result_of(&arms.expr, &site.names);
        if !lost.is_some_and(|lost| results::uses_session(&lost, &site.names)) {
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

/// Returns whether the method turns a `Result` into a value that does not say why the call failed.
fn swallows(call: &ExprMethodCall) -> bool {
    match call.method.to_string().as_str() {
        "ok" | "unwrap_or" | "unwrap_or_default" => true,
        // `unwrap_or_else(|_| 0)` swallows. A closure that looks at the error may do anything.
        "unwrap_or_else" => match call.args.first().map(peel) {
            Some(Expr::Closure(closure)) => matches!(closure.inputs.first(), Some(Pat::Wild(_))),
            _ => false,
        },
        _ => false,
    }
}

/// Returns whether the adapter drops every `Err`: `.flatten()`, `.filter_map(Result::ok)`. Other
/// closures are looked at separately.
fn leaves_out(call: &ExprMethodCall) -> bool {
    let is_ok = |value: &Expr| match peel(value) {
        Expr::Path(path) => ends_with(&path.path, &["Result", "ok"]),
        Expr::Closure(closure) => {
            let input = closure.inputs.first().map(ToTokens::to_token_stream);
            let body = closure.body.to_token_stream();
            input.is_some_and(|input| input.to_string() == body.to_string())
        }
        _ => false,
    };
    match call.method.to_string().as_str() {
        "flatten" => call.args.is_empty(),
        "filter_map" | "flat_map" | "map_while" => call.args.first().is_some_and(is_ok),
        _ => false,
    }
}

/// Returns whether the code makes another error of the value: `.ok().ok_or(NotFound)?`, `.ok() else
/// { .. }`.
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

/// Returns whether the pattern is `Ok(..)`, or another variant of this name.
fn is_named(pattern: &Pat, name: &str) -> bool {
    match pattern {
        Pat::TupleStruct(pattern) => last(&pattern.path).is_some_and(|last| last == name),
        Pat::Guard(guarded) => is_named(&guarded.pat, name),
        Pat::Or(any) => any.cases.iter().any(|case| is_named(case, name)),
        Pat::Paren(inner) => is_named(&inner.pat, name),
        _ => false,
    }
}

/// Returns whether the pattern is `Some(Ok(..))`.
fn is_some_ok(pattern: &Pat) -> bool {
    match pattern {
        Pat::TupleStruct(some) => {
            is_named(pattern, "Some") && some.elems.iter().all(|inner| is_named(inner, "Ok"))
        }
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
