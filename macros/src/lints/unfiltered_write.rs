use super::literal::Sql;
use super::site::Site;
use super::{Lint, Pass};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "unfiltered_write",
    level: Level::Deny,
    finds: "an `UPDATE` or `DELETE` without `WHERE`",
    message: "this {keyword} has no WHERE: it changes, and locks, every row of the table",
    help: "add the WHERE; if every row is meant, write `WHERE true`",
    why: r#"
A forgotten `WHERE` is found in production, by its users. Every row is changed and locked, and on
PostgreSQL left behind as a dead copy for VACUUM.

If all rows are meant, `WHERE true` says so. A large table is better changed in batches.
PostgreSQL's `TRUNCATE` empties a table at once, and so does SQLite's `DELETE` without `WHERE`
([the truncate optimization](https://www.sqlite.org/lang_delete.html)): allow the lint there.

In a plain `fn` with diesel, the lint looks for a missing `.filter(..)` on a `diesel::update(users)`
or `diesel::delete(users)` that is executed where it is built.

The `WHERE` of a subquery is not the `WHERE` of the statement. Texts that are put together at run
time are allowed.
"#,
    bad: r#"
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op]
async fn expire(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    sqlx::query("UPDATE sessions SET expired = 1").execute(&mut *conn).await?;
    Ok(())
}
"#,
    good: r#"
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op]
async fn expire(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    sqlx::query("UPDATE sessions SET expired = 1 WHERE seen < unixepoch() - 3600").execute(&mut *conn).await?;
    Ok(())
}
"#,
    pass: |_| Some(Box::new(UnfilteredWrite)),
};

/// The message for a statement that diesel's functions build.
const BUILT: &str =
    "add a `.filter(..)`; if every row is meant, say so with `.filter(true.into_sql::<Bool>())`";

struct UnfilteredWrite;

impl Pass for UnfilteredWrite {
    fn sql(&mut self, sql: &Sql, site: &mut Site) {
        for keyword in sql
            .statements
            .iter()
            .filter_map(|statement| statement.unfiltered)
        {
            let message = LINT.message.replace("{keyword}", keyword);
            let help = if sql.is_built { BUILT } else { LINT.help };
            site.report_as(&LINT, &sql.place, sql.point, (&message, help));
        }
    }
}
