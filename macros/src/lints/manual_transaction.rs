use proc_macro2::Span;
use quote::ToTokens;
use syn::Expr;

use super::calls::awaited_method;
use super::levels::Level;
use super::site::{Runs, Site};
use super::text::Sql;
use super::{Lint, Pass};

pub(super) static LINT: Lint = Lint {
    name: "manual_transaction",
    level: Level::Deny,
    finds: "`BEGIN`, `COMMIT`, `ROLLBACK` or `SAVEPOINT` as text, and `.begin()`, `.commit()`, `.rollback()`, on a session of dbop",
    message: "this begins or ends a transaction past dbop, which then cannot know what was committed: the outcome of the call is unknown, and it is not replayed",
    help: "make the function `#[transactional]`, which commits when it returns `Ok`",
    why: r#"
`#[transactional]` begins the transaction, and its end follows from what the function returns: `Ok`
commits, `Err`, a panic and a dropped caller roll back. A `COMMIT` in the middle makes one half
permanent and lets the other half run without a transaction; after it nobody can say whether the
whole may be replayed. In a `#[db_op]`, a `BEGIN` that is not ended on every path hands the
connection on with the transaction open; dbop closes it, and the work is lost.

For a part that may fail by itself there is `tx.savepoint(..)` and `#[transactional(nested)]`. An
operation without a session parameter, which takes a pool and has its own transaction, is not
looked at.
"#,
    bad: r#"
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op]
async fn transfer(conn: &mut Conn<'_, Sqlite>, from: i64, to: i64) -> dbop::Result<()> {
    sqlx::query("BEGIN").execute(&mut *conn).await?;
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?").bind(from).execute(&mut *conn).await?;
    sqlx::query("UPDATE accounts SET cents = cents + 5 WHERE id = ?").bind(to).execute(&mut *conn).await?;
    sqlx::query("COMMIT").execute(&mut *conn).await?;
    Ok(())
}
"#,
    good: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn transfer(tx: &mut Tx<'_, Sqlite>, from: i64, to: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?").bind(from).execute(&mut *tx).await?;
    sqlx::query("UPDATE accounts SET cents = cents + 5 WHERE id = ?").bind(to).execute(&mut *tx).await?;
    Ok(())
}
"#,
    pass: |subject| {
        subject.has_session().then(|| {
            let instead = if subject.is_transaction() {
                "return `Ok` to commit and `Err` to roll back, or `Ok` after `{session}.set_rollback_only()`; for a part of it, `{session}.savepoint(..)`"
            } else {
                LINT.help
            };
            let is_transaction = subject.is_transaction();
            Box::new(ManualTransaction {
                instead,
                is_transaction,
            }) as _
        })
    },
};

struct ManualTransaction {
    instead: &'static str,
    is_transaction: bool,
}

impl Pass for ManualTransaction {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        let Expr::Await(awaited) = expression else {
            return;
        };
        let Some(call) = awaited_method(awaited).filter(|_| site.runs != Runs::Later) else {
            return;
        };
        let (arguments, begins) = match call.method.to_string().as_str() {
            "begin" | "try_begin" => (0, true),
            "begin_with" | "try_begin_with" => (1, true),
            "commit" | "rollback" => (0, false),
            "transaction" => (1, false),
            _ => return,
        };
        // Another connection may be committed, and so may what is no database. A transaction begun
        // elsewhere inside of one is an await on something else.
        let is_ours = site.names.is_handle(&call.receiver) || begins && !self.is_transaction;
        if call.args.len() == arguments && is_ours {
            self.report(&call.method, call.method.span(), site);
        }
    }

    fn sql(&mut self, sql: &Sql, site: &mut Site) {
        let controls = sql
            .statements
            .iter()
            .any(|statement| statement.control.is_some());
        if controls && site.runs != Runs::Later && sql.on_session != Some(false) {
            self.report(&sql.literal, sql.literal.span(), site);
        }
    }
}

impl ManualTransaction {
    fn report(&self, place: impl ToTokens, point: Span, site: &mut Site) {
        site.report_as(&LINT, place, point, (LINT.message, self.instead));
    }
}
