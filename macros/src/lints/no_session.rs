use super::report::first_token;
use super::site::Site;
use super::{Lint, Pass, Subject};
use crate::function::lookalike;
use crate::lint_attributes::Level;
use crate::options::Attribute;

pub(super) static LINT: Lint = Lint {
    name: "no_session",
    level: Level::Warn,
    finds: "a `#[db_op]` that gets no session, although it takes a pool, a connection or an executor, or runs statements on `self.pool`",
    message: "dbop gives this function no session and does not see its statements: none of them is retried by itself, `read_only` guards nothing, and most lints find nothing",
    help: "give the function a session parameter, `conn: &mut Conn<'_, DB>`; callers go on passing the pool",
    why: r#"
Without a session parameter, a function keeps its signature and runs as it is. It has the deadline
that it names, the error category and the counts, and is called again only if it is declared
`read_only` or `idempotent`. That is right for a function that calls other operations. A function
that runs statements on a pool gets more with a session parameter, and its callers go on passing the
pool.

`dbop::guide::adoption` shows the way for each shape of function. A `&mut sqlx::Transaction` is not
reported: whoever has begun the transaction also ends it, so there is nothing to retry.
"#,
    bad: r#"
#![deny(deprecated)]
use dbop::db_op;
use sqlx::SqlitePool;

#[db_op(read_only)]
async fn count(pool: &SqlitePool) -> dbop::Result<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(pool).await?)
}
"#,
    good: r#"
#![deny(deprecated)]
use dbop::{Conn, db_op};
use sqlx::Sqlite;

#[db_op(read_only)]
async fn count(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(&mut *conn).await?)
}
"#,
    pass: |subject| {
        let is_alone = !subject.has_session() && !subject.function.is_plain();
        // The missing session of a transaction is an error.
        (is_alone && subject.attribute == Attribute::DbOp).then(|| Box::new(NoSession) as _)
    },
};

struct NoSession;

impl Pass for NoSession {
    fn signature(&mut self, subject: &Subject<'_>, site: &mut Site) {
        let function = subject.function;
        let found = lookalike::find(
            subject.attribute,
            &function.source.signature,
            &function.block.stream(),
        );
        if let Some(found) = found {
            let point = first_token(&found.place);
            let help = found.advice(subject.attribute);
            site.report_as(&LINT, &found.place, point, (LINT.message, &help));
        }
    }
}
