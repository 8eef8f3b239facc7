use syn::{Expr, ExprMethodCall, Macro};

use super::api::Api;
use super::calls::{makes_query, peel, root, starts_upper};
use super::names::{Is, variable};
use super::parts::Parts;
use super::site::{Repeats, Runs, Site};
use super::text;
use super::{Lint, Pass};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "query_in_loop",
    level: Level::Warn,
    finds: "a statement that is awaited inside of a loop, or, in a plain `fn` over `postgres`, run inside of a loop: one round trip for each turn",
    message: "this statement is awaited once for each turn of the loop, and each time costs a round trip to the database",
    help: "run one statement for all of them: `WHERE id = ANY($1)`, a join, or a multi-row INSERT (`QueryBuilder::push_values`) for each chunk",
    why: r#"
A round trip takes longer than most statements: 1,000 rows that are inserted one by one take 1,000
of them, while locks and the connection are held. One statement for all of them takes one.

- Read many: `WHERE id = ANY($1)` with an array (PostgreSQL), `WHERE id IN (SELECT value FROM
  json_each(?))` (SQLite), or a join with what the ids were read from.
- Write many: `QueryBuilder::push_values`, or `INSERT .. SELECT .. FROM UNNEST($1, $2)`. A statement
  takes at most 65,535 parameters on PostgreSQL and 32,766 on SQLite, so large inputs go in chunks:
  a loop over `.chunks(..)` is not reported.

SQLite is asked without a round trip, so in a plain `fn` only the statements of `postgres::Client` are
reported. Calls of other operations in a loop are not reported either, nor statements with a `LIMIT` in a
`loop` or `while`, which work in batches.
"#,
    bad: r#"
#![deny(deprecated)]
use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn import(tx: &mut Tx<'_, Sqlite>, names: &[String]) -> dbop::Result<()> {
    for name in names {
        sqlx::query("INSERT INTO users (name) VALUES (?)").bind(name).execute(&mut *tx).await?;
    }
    Ok(())
}
"#,
    good: r#"
#![deny(deprecated)]
use dbop::{Tx, transactional};
use sqlx::{QueryBuilder, Sqlite};

#[transactional]
async fn import(tx: &mut Tx<'_, Sqlite>, names: &[String]) -> dbop::Result<()> {
    for chunk in names.chunks(1_000) {
        let mut insert = QueryBuilder::new("INSERT INTO users (name) ");
        insert.push_values(chunk, |mut row, name| {
            row.push_bind(name);
        });
        insert.build().execute(&mut *tx).await?;
    }
    Ok(())
}
"#,
    pass: |subject| {
        let api = Api::of(subject.function);
        let has_server = matches!(api, Api::Sqlx | Api::Postgres);
        has_server.then(|| Box::new(QueryInLoop) as _)
    },
};

/// The message and the advice for a plain function, which has neither awaits nor sqlx.
const IN_PLAIN: (&str, &str) = (
    "this statement runs once for each turn of the loop, and each time costs a round trip to the database",
    "run one statement for all of them: `WHERE id = ANY($1)`, a join, `INSERT .. SELECT .. FROM UNNEST($1, $2)`, or `copy_in` for many rows",
);

struct QueryInLoop;

impl Pass for QueryInLoop {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        let Some(ended) = site.api().ended(expression) else {
            return;
        };
        match ended.call {
            // A statement in an argument is a call of its own, which is looked at separately.
            call if site.api().is_plain() => {
                if matches!(call, Expr::MethodCall(call) if site.api().waits_for_server(&call.method))
                {
                    report_repeated(call, site);
                }
            }
            // `timeout(second, query(..).execute(tx)).await`
            Expr::Call(call) => call
                .args
                .iter()
                .for_each(|argument| report_repeated(argument, site)),
            future => report_repeated(future, site),
        }
    }

    fn macro_call(&mut self, _: &Macro, parts: &Parts, site: &mut Site) {
        if let Parts::Join(futures) = parts {
            futures
                .iter()
                .for_each(|future| report_repeated(future, site));
        }
    }
}

/// Reports the statement that this future runs, if there is one and a loop repeats it.
fn report_repeated(future: &Expr, site: &mut Site) {
    if site.runs == Runs::Later || !matches!(site.repeats, Repeats::Each | Repeats::Until) {
        return;
    }
    let Some(call) = statement(future, site) else {
        return;
    };
    let is_plain = site.api().is_plain();
    let runs = site.names.method_uses(call) || !is_plain && makes_query(root(&call.receiver));
    let is_batch = site.repeats == Repeats::Until && is_limited(call, site);
    if runs && !is_batch && !is_another(call, site) {
        let words = if is_plain {
            IN_PLAIN
        } else {
            (LINT.message, LINT.help)
        };
        site.report_as(&LINT, &call.method, call.method.span(), words);
    }
}

/// Returns the call that runs the statement: `query(..).fetch(tx)` of
/// `query(..).fetch(tx).try_collect()`.
fn statement<'a>(future: &'a Expr, site: &Site) -> Option<&'a ExprMethodCall> {
    match peel(future) {
        Expr::MethodCall(call) if site.api().waits_for_server(&call.method) => Some(call),
        Expr::MethodCall(call) => statement(&call.receiver, site),
        _ => None,
    }
}

/// Returns whether the text is a variable whose value the body does not show. Each turn may then
/// run another statement, as in `for migration in migrations { tx.execute(migration.sql).await? }`.
fn is_another(call: &ExprMethodCall, site: &Site) -> bool {
    let text = match root(&call.receiver) {
        Expr::Call(query) if makes_query(root(&call.receiver)) => query.args.first(),
        Expr::Macro(_) => None,
        _ => call.args.first(),
    };
    let Some(name) = text.and_then(|text| variable(beneath(text))) else {
        return false;
    };
    !starts_upper(name) && matches!(site.names.get(name), Some(Is::Plain))
}

/// Returns the variable that an expression is made from: `migration` of `&*migration.sql`.
fn beneath(text: &Expr) -> &Expr {
    match root(text) {
        Expr::Reference(inner) => beneath(&inner.expr),
        Expr::Unary(inner) => beneath(&inner.expr),
        Expr::Call(call) if call.args.len() == 1 => beneath(&call.args[0]),
        other => other,
    }
}

/// Returns whether a `LIMIT` shows that the statement works in batches.
fn is_limited(call: &ExprMethodCall, site: &Site) -> bool {
    let query = root(&call.receiver);
    let mut texts = text::given_to_driver(query, &site.names, false);
    if let Some(query) = variable(query) {
        texts.extend_from_slice(site.names.texts(query));
    }
    if let Some(text) = call.args.first() {
        texts.extend(text::texts(text, &site.names));
    }
    texts
        .iter()
        .flat_map(|text| text.read(None, site.dialect).statements)
        .any(|statement| statement.limited)
}
