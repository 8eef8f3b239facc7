use super::literal::Sql;
use super::site::Site;
use super::{Lint, Pass};
use crate::lint_attributes::Level;

pub(super) static LINT: Lint = Lint {
    name: "session_state",
    level: Level::Warn,
    finds: "a statement that changes the session beyond the transaction: `SET` without `LOCAL`, `pg_advisory_lock`, `CREATE TEMP TABLE`, `LISTEN`, a `PRAGMA` with a value",
    message: "this statement changes the session, and the next call that borrows the connection would meet the change: dbop undoes it or closes the connection after this call, and either costs time",
    help: "in a `#[transactional]`, write what ends with the transaction: `SET LOCAL`, `pg_advisory_xact_lock`, `CREATE TEMP TABLE .. ON COMMIT DROP`",
    why: r#"
A connection is borrowed from a pool and goes back to it. What a statement leaves in the session is
there for whoever borrows the connection next: another tenant's `search_path`, a time limit that was
meant for one report, a lock that nobody releases, foreign keys that are not enforced. Most calls get
another connection, so the mistake shows only under load.

dbop undoes such changes when the call ends, or closes the connection if it cannot. The undoing is a
round trip more for each call, and a closed connection has to be opened again.

What ends with the transaction needs neither:

| instead of | in a `#[transactional]` |
|---|---|
| `SET x = ..` | `SET LOCAL x = ..` |
| `SET ROLE ..` | `SET LOCAL ROLE ..` |
| `set_config(.., false)` | `set_config(.., true)` |
| `SET SESSION CHARACTERISTICS ..` | the options `isolation`, `read_only` and `deferrable` |
| `pg_advisory_lock(..)` | `pg_advisory_xact_lock(..)` |
| `CREATE TEMP TABLE ..` | `CREATE TEMP TABLE .. ON COMMIT DROP` |
| `PRAGMA foreign_keys = OFF`, which does nothing there | `PRAGMA defer_foreign_keys = ON` |

A lock that has to outlive one transaction is the guard of `db.advisory_lock(key).await?`, which has a
connection of its own and releases the lock when it is dropped. `LISTEN` needs a connection that is
kept, as `sqlx::postgres::PgListener` has one. What all calls need is set when the pool opens a
connection.

Statements that take a change back are not reported (`RESET`, `SET .. TO DEFAULT`,
`pg_advisory_unlock`), nor pragmas that read, or that set what is stored in the file.
"#,
    bad: r#"
#![deny(deprecated)]
use dbop::{Tx, transactional};
use sqlx::Postgres;

#[transactional(read_only)]
async fn report(tx: &mut Tx<'_, Postgres>) -> dbop::Result<i64> {
    sqlx::query("SET work_mem = '256MB'").execute(&mut *tx).await?;
    Ok(sqlx::query_scalar("SELECT count(DISTINCT visitor) FROM visits").fetch_one(&mut *tx).await?)
}
"#,
    good: r#"
#![deny(deprecated)]
use dbop::{Tx, transactional};
use sqlx::Postgres;

#[transactional(read_only)]
async fn report(tx: &mut Tx<'_, Postgres>) -> dbop::Result<i64> {
    sqlx::query("SET LOCAL work_mem = '256MB'").execute(&mut *tx).await?;
    Ok(sqlx::query_scalar("SELECT count(DISTINCT visitor) FROM visits").fetch_one(&mut *tx).await?)
}
"#,
    pass: |_| Some(Box::new(SessionState)),
};

/// The message for a session that dbop does not watch.
const UNWATCHED: &str = "this statement changes the session, and whoever borrows the connection from its pool next meets the change";

struct SessionState;

impl Pass for SessionState {
    fn sql(&mut self, sql: &Sql, site: &mut Site) {
        // A connection that the application owns may stay changed.
        if !site.may_be_on_session(sql) {
            return;
        }
        let message = match site.has_session() && !site.api().is_plain() {
            true => LINT.message,
            false => UNWATCHED,
        };
        let mut told = Vec::new();
        for words in sql.statements.iter().filter_map(|it| it.session) {
            if told.contains(&words) {
                continue;
            }
            told.push(words);
            let message = message.replace("this statement", &format!("this `{words}`"));
            let help = instead_of(words, site);
            site.report_as(&LINT, &sql.place, sql.point, (&message, &help));
        }
    }
}

/// Returns what to write in place of a statement with these words.
fn instead_of(words: &str, site: &Site) -> String {
    let help = match words {
        "SET" => "write `SET LOCAL` in a `#[transactional]`: that ends with the transaction",
        "SET SESSION CHARACTERISTICS" => {
            "say it of one transaction: `isolation = ..`, `read_only` and `deferrable` are options of `#[transactional]`"
        }
        "set_config(.., false)" => {
            "write `set_config(.., true)` in a `#[transactional]`: that ends with the transaction"
        }
        "CREATE TEMP TABLE" | "SELECT INTO TEMP" => {
            "write the query as a `WITH` of the statement that needs it, or on PostgreSQL `CREATE TEMP TABLE .. ON COMMIT DROP` in a `#[transactional]`"
        }
        "CREATE TEMP VIEW" => "write the query as a `WITH` of the statement that needs it",
        "CREATE TEMP SEQUENCE" => {
            "number the rows with `row_number()`, or make a sequence that stays in a migration"
        }
        "CREATE TEMP TRIGGER" => {
            "make a trigger that stays in a migration, or do in the statement what it does"
        }
        "LISTEN" if site.api().is_plain() => "listen on a connection that is in no pool",
        "LISTEN" => "listen with `sqlx::postgres::PgListener`, which keeps a connection of its own",
        "PREPARE" | "DEALLOCATE" => {
            "leave it out: the driver prepares statements, and keeps them for the next call"
        }
        "DISCARD" => {
            "leave it out: it also discards what the driver and the pool know of the session"
        }
        "DECLARE .. WITH HOLD" => {
            "leave out `WITH HOLD`, in a `#[transactional]`, or read the rows as a stream"
        }
        "PRAGMA" => "set it when the pool opens a connection, so that it is the same for all calls",
        "ATTACH" | "DETACH" => "attach the file when the pool opens a connection, for all calls",
        lock => {
            let lock = lock.replace("advisory", "advisory_xact");
            let longer = match site.api().is_plain() {
                true => "",
                false => {
                    "; a lock for longer than one transaction is the guard of `db.advisory_lock(key).await?`"
                }
            };
            return format!(
                "take `{lock}` in a `#[transactional]`: the end of the transaction releases it{longer}"
            );
        }
    };
    help.to_owned()
}
