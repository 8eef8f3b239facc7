use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprCall, ExprMethodCall};

use super::api::Api;
use super::calls::{callee, ends_with, is_any, last, peel};
use super::literal::Sql;
use super::report::last_token;
use super::site::{Runs, Site};
use super::{Lint, Pass, Subject};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "manual_transaction",
    level: Level::Deny,
    finds: "on a session of dbop: `BEGIN`, `COMMIT`, `ROLLBACK` or `SAVEPOINT` as text, and `.begin()`, `.commit()`, `.rollback()`",
    message: "this begins or ends a transaction past dbop, which then cannot know what was committed: the outcome of the call is unknown, and it is not replayed",
    help: "make the function `#[transactional]`, which commits when it returns `Ok`",
    why: r#"
`#[transactional]` begins the transaction, and its end follows from what the function returns: `Ok`
commits, `Err`, a panic and a dropped caller roll back. A `COMMIT` in the middle makes one half
permanent and lets the other half run without a transaction; after that, nobody can say whether the
whole may be replayed. In a `#[db_op]`, a `BEGIN` that is not ended on every path hands the
connection on with the transaction open; dbop closes it, and the work is lost.

For a part that may fail alone, use `tx.savepoint(..)` or `#[transactional(nested)]`. In a plain
`fn`, use the driver's savepoint: `conn.savepoint()` of rusqlite, `conn.transaction(|conn| ..)`
of diesel, and the text `SAVEPOINT` with `postgres`, whose client has no other way. The lint does not
look at an operation without a session parameter, which takes a pool and has its own transaction.
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
        let session = subject.function.session.as_ref()?;
        // Such a function was written to begin a transaction, which is a savepoint in one of dbop's.
        let begins = !subject.function.is_plain() && session.lets_body_begin();
        (!begins).then(|| Box::new(ManualTransaction::new(subject)) as _)
    },
};

struct ManualTransaction {
    instead: String,
    is_transaction: bool,
}

impl Pass for ManualTransaction {
    fn expression(&mut self, expression: &Expr, site: &mut Site) {
        let Some(ended) = site.api().ended(expression) else {
            return;
        };
        if site.runs == Runs::Later {
            return;
        }
        match ended.call {
            Expr::MethodCall(call) => {
                // Another connection may be committed, and so may a value that is no database. A
                // transaction that is begun elsewhere inside of one is reported by `foreign_await`.
                let is_ours = || site.names.is_handle(&call.receiver);
                let controls = self.controls(call, site.api());
                if controls.is_some_and(|anywhere| anywhere || is_ours()) {
                    self.report(&call.method, call.method.span(), site);
                }
            }
            Expr::Call(call) if site.api().is_plain() => self.function(call, site),
            _ => {}
        }
    }

    fn sql(&mut self, sql: &Sql, site: &mut Site) {
        let divides = ["RELEASE", "ROLLBACK TO", "SAVEPOINT"];
        // The client of PostgreSQL has no other way to make a savepoint.
        let may_divide = self.is_transaction && site.api() == Api::Postgres;
        let mut controls = sql
            .statements
            .iter()
            .filter_map(|statement| statement.control);
        let is_found = controls.any(|control| !(may_divide && divides.contains(&control)));
        if is_found && site.may_be_on_session(sql) {
            self.report(&sql.place, sql.point, site);
        }
    }
}

impl ManualTransaction {
    fn new(subject: &Subject<'_>) -> ManualTransaction {
        let (is_transaction, api) = (subject.is_transaction(), Api::of(subject.function));
        let instead = match (is_transaction, api.is_plain()) {
            (false, _) => LINT.help.to_owned(),
            (true, false) => "return `Ok` to commit and `Err` to roll back, or `Ok` after `{session}.set_rollback_only()`; for a part of it, `{session}.savepoint(..)`".to_owned(),
            (true, true) => format!(
                "return `Ok` to commit and `Err` to roll back; for a part of it, {}",
                api.savepoint()
            ),
        };
        ManualTransaction {
            instead,
            is_transaction,
        }
    }

    fn report(&self, place: impl ToTokens, point: Span, site: &mut Site) {
        site.report_as(&LINT, place, point, (LINT.message, &self.instead));
    }

    /// Returns whether the method begins or ends a transaction. `Some(true)` means on any receiver,
    /// `Some(false)` only on the session, `None` not at all.
    fn controls(&self, call: &ExprMethodCall, api: Api) -> Option<bool> {
        if api.is_plain() {
            return self.controls_in_plain(call).then_some(false);
        }
        let (arguments, begins) = match call.method.to_string().as_str() {
            "begin" | "try_begin" => (0, true),
            "begin_with" | "try_begin_with" => (1, true),
            "commit" | "rollback" => (0, false),
            "transaction" => (1, false),
            _ => return None,
        };
        (call.args.len() == arguments).then_some(begins && !self.is_transaction)
    }

    /// Returns whether the method of a synchronous driver begins or ends a transaction. A savepoint
    /// may be committed, because that method is not called on the session itself.
    fn controls_in_plain(&self, call: &ExprMethodCall) -> bool {
        let runs = call
            .args
            .iter()
            .any(|argument| matches!(peel(argument), Expr::Closure(_) | Expr::Path(_)));
        match call.method.to_string().as_str() {
            // In a transaction, diesel's `transaction` makes a savepoint.
            "transaction" if runs => !self.is_transaction,
            "begin" | "commit" | "rollback" | "transaction" => call.args.is_empty(),
            "begin_test_transaction"
            | "build_transaction"
            | "exclusive_transaction"
            | "immediate_transaction"
            | "test_transaction"
            | "transaction_with_behavior"
            | "unchecked_transaction" => true,
            _ => false,
        }
    }

    /// Reports `rusqlite::Transaction::new(conn, ..)`,
    /// `AnsiTransactionManager::begin_transaction(conn)` and the like.
    fn function(&self, call: &ExprCall, site: &mut Site) {
        const NAMES: [&str; 4] = [
            "begin_transaction",
            "begin_transaction_sql",
            "commit_transaction",
            "rollback_transaction",
        ];
        let Some(path) = callee(call) else { return };
        let of_diesel =
            path.segments.len() > 1 && last(path).is_some_and(|name| is_any(name, &NAMES));
        let begins = ["new", "new_unchecked"];
        let of_rusqlite = begins
            .iter()
            .any(|name| ends_with(path, &["Transaction", name]));
        let is_ours = call
            .args
            .first()
            .is_some_and(|conn| site.names.is_handle(conn));
        if is_ours && (of_diesel || of_rusqlite) {
            self.report(path, last_token(path), site);
        }
    }
}
