use super::literal::Sql;
use super::site::Site;
use super::{Lint, Pass};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "write_in_read_only",
    level: Level::Deny,
    finds: "a statement that writes, in a `read_only` operation",
    message: "this statement writes, and the operation is `read_only`: its session refuses it when it runs",
    help: "remove `read_only`, or take the statement out",
    why: r#"
A `read_only` operation runs on a session that refuses writes: a PostgreSQL transaction that is
`READ ONLY`, a SQLite connection with `query_only`. The statement fails each time it runs. It would
also be replayed after any transient error, because an operation that only reads may run twice.

What a read-only transaction refuses is listed in PostgreSQL's manual under
[SET TRANSACTION](https://www.postgresql.org/docs/current/sql-set-transaction.html): besides writes
and DDL also `SELECT .. FOR UPDATE`. PostgreSQL lets temporary tables be written to; allow it there.
"#,
    bad: r#"
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(read_only)]
async fn touch(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE users SET seen = seen + 1 WHERE id = ?").bind(id).execute(&mut *conn).await?;
    Ok(())
}
"#,
    good: r#"
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op]
async fn touch(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<()> {
    sqlx::query("UPDATE users SET seen = seen + 1 WHERE id = ?").bind(id).execute(&mut *conn).await?;
    Ok(())
}
"#,
    pass: |subject| {
        let read_only = subject.options.read_only.is_some();
        let fate = match subject.has_session() {
            true => "its session refuses it when it runs",
            false => "no session of dbop's refuses it, and a call that fails may be repeated",
        };
        read_only.then(|| Box::new(WriteInReadOnly { fate }) as _)
    },
};

/// Statements that change only how data is stored, so PostgreSQL runs them in a read-only
/// transaction as well.
const RUN_ANYWHERE: [&str; 3] = ["CLUSTER", "REINDEX", "VACUUM"];

struct WriteInReadOnly {
    /// What becomes of the statement.
    fate: &'static str,
}

impl Pass for WriteInReadOnly {
    fn sql(&mut self, sql: &Sql, site: &mut Site) {
        // Another session may be allowed to write.
        if !site.may_be_on_session(sql) {
            return;
        }
        for statement in &sql.statements {
            let refused = statement
                .writes
                .filter(|keyword| !RUN_ANYWHERE.contains(keyword));
            if let Some(keyword) = refused {
                let message = format!(
                    "this statement writes (`{keyword}`), and the operation is `read_only`: {}",
                    self.fate
                );
                site.report_as(&LINT, &sql.place, sql.point, (&message, LINT.help));
            } else if let Some(lock) = statement.locks {
                let message = format!(
                    "`{lock}` locks rows, which a `read_only` operation may not do: {}",
                    self.fate
                );
                site.report_as(
                    &LINT,
                    &sql.place,
                    sql.point,
                    (&message, "remove `read_only`, or read without the lock"),
                );
            }
        }
    }
}
