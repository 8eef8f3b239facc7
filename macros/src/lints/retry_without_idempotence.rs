use proc_macro2::Ident;

use super::literal::Sql;
use super::site::Site;
use super::{Lint, Pass};
use crate::lint_attributes::Level;
use crate::options::Attribute;

pub(super) static LINT: Lint = Lint {
    name: "retry_without_idempotence",
    level: Level::Warn,
    finds: "`retry(..)` on a `#[db_op]` that writes and is not `idempotent`: most failures are not retried at all",
    message: "this operation writes and is not `idempotent`, so `retry(..)` is only for failures that prove that nothing was applied: after most others it is not tried again",
    help: "add `idempotent` if its effect may be applied again, or make it `#[transactional]`, which is replayed as a whole",
    why: r#"
The statements of a `#[db_op]` commit one by one. When one fails with a lost connection, it may have
been applied; when the second fails, the first one has been. Running them again would apply a
payment twice, so dbop does not: without `idempotent` only failures before the first statement, or
those that prove that it was not applied, are tried again.

`idempotent` says that the effect may be applied again, later, and concurrently with itself: `SET
status = 'done'` may, `SET cents = cents - 5` may not. A `#[transactional]` that was rolled back is
replayed whatever it does, and `once = key` keeps it from applying twice.
"#,
    bad: r#"
#![deny(deprecated)]
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(retry(attempts = 8))]
async fn pay(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?").bind(id).execute(&mut *conn).await?;
    Ok(())
}
"#,
    good: r#"
#![deny(deprecated)]
use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional(retry(attempts = 8))]
async fn pay(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE accounts SET cents = cents - 5 WHERE id = ?").bind(id).execute(&mut *tx).await?;
    Ok(())
}
"#,
    pass: |subject| {
        let retry = subject.options.undeclared_retry()?;
        // `checks` reports `retry` on a function without a session.
        (subject.attribute == Attribute::DbOp && subject.has_session()).then(|| {
            Box::new(RetryWithoutIdempotence {
                retry: Some(retry.key.clone()),
            }) as _
        })
    },
};

struct RetryWithoutIdempotence {
    /// The option `retry`; `None` once the finding was reported.
    retry: Option<Ident>,
}

impl Pass for RetryWithoutIdempotence {
    fn sql(&mut self, sql: &Sql, site: &mut Site) {
        let writes = sql
            .statements
            .iter()
            .any(|statement| statement.writes.is_some());
        if writes
            && site.may_be_on_session(sql)
            && let Some(retry) = &self.retry
            && site.report(&LINT, retry, retry.span())
        {
            self.retry = None;
        }
    }
}
