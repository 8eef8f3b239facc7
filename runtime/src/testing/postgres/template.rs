//! The template of a set of migrations: a database on which they have run once, and of which the
//! databases of tests are copies.

use sha2::{Digest, Sha256};
use sqlx::Postgres;
use sqlx::migrate::Migrator;

use super::mark::{Mark, PREFIX};
use super::session::{Found, Session, quoted, server};
use crate::error::{Error, ErrorKind, Result};
use crate::testing::database::handle;
use crate::testing::today;

/// Returns the name of the template, which is made if it is not there. Of several processes that
/// need it at once, one makes it and the others wait.
pub(super) async fn ready(session: &mut Session, migrations: &'static Migrator) -> Result<String> {
    let key = fingerprint(migrations, session.home, server()?.get_username());
    let name = format!("{PREFIX}template_{:016x}", key.cast_unsigned());
    session.lock(key).await?;
    let made = make_if_missing(session, &name, migrations).await;
    session.unlock(key).await?;
    made.map(|()| name)
}

async fn make_if_missing(
    session: &mut Session,
    name: &str,
    migrations: &'static Migrator,
) -> Result<()> {
    match session.find(name).await? {
        Found::Nothing => make(session, name, migrations).await,
        Found::Ours(Mark::Template { day }) if day == today() => Ok(()),
        Found::Ours(_) => session.mark(name, Mark::Template { day: today() }).await,
        Found::Foreign => Err(Error::programming(
            ErrorKind::Configuration,
            format!(
                "the server has a database `{name}` that dbop has not made; rename or drop it, \
                 because the template of these migrations has this name"
            ),
        )),
    }
}

/// Makes a template under another name, and renames it at the end: a process that is killed leaves no
/// template that is half made.
async fn make(session: &mut Session, name: &str, migrations: &'static Migrator) -> Result<()> {
    let draft = session.create("template", None).await?;
    let made = async {
        migrate(&draft, migrations).await?;
        session
            .mark(&draft, Mark::Template { day: today() })
            .await?;
        let alter = format!("ALTER DATABASE {}", quoted(&draft));
        // A session on a template would keep tests from copying it.
        let closed = format!("{alter} ALLOW_CONNECTIONS false");
        session.run(closed).await?;
        session
            .run(format!("{alter} RENAME TO {}", quoted(name)))
            .await
    };
    let made = made.await;
    if made.is_err() {
        let _ = session.drop_database(&draft).await;
    }
    made
}

/// Runs the migrations on a database.
async fn migrate(name: &str, migrations: &'static Migrator) -> Result<()> {
    let db = handle::<Postgres>(server()?.database(name)).await?;
    let migrated = db.migrate(migrations).await;
    db.close().await;
    migrated
}

/// Returns the number that stands for these migrations, for the database in which the locks live, and
/// for the role that owns the template.
fn fingerprint(migrations: &Migrator, home: i64, role: &str) -> i64 {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    };
    add(&home.to_be_bytes());
    add(role.as_bytes());
    for migration in migrations.iter() {
        add(&migration.version.to_be_bytes());
        add(migration.description.as_bytes());
        add(&migration.checksum);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    i64::from_be_bytes(first)
}

/// Returns the key of the lock under which a template of this name is made and dropped.
pub(super) fn key(name: &str) -> Option<i64> {
    let hex = name.strip_prefix(PREFIX)?.strip_prefix("template_")?;
    u64::from_str_radix(hex, 16).ok().map(u64::cast_signed)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::SqlStr;
    use sqlx::migrate::{Migration, MigrationType};

    use super::*;

    fn migrations(sql: &[&'static str]) -> Migrator {
        let migration = |(version, sql): (i64, &&'static str)| {
            let description = Cow::Borrowed("accounts");
            let sql = SqlStr::from_static(sql);
            Migration::new(version, description, MigrationType::Simple, sql, false)
        };
        let all = (1..).zip(sql).map(migration).collect();
        Migrator::with_migrations(all)
    }

    #[test]
    fn changed_migrations_another_home_and_another_role_have_templates_of_their_own() {
        let accounts = "CREATE TABLE accounts (id BIGINT)";
        let of = |sql: &[&'static str]| fingerprint(&migrations(sql), 7, "ada");
        assert_eq!(of(&[accounts]), of(&[accounts]));
        assert_ne!(of(&[accounts]), of(&["CREATE TABLE accounts (id INT)"]));
        assert_ne!(of(&[accounts]), of(&[accounts, "SELECT 1"]));
        assert_ne!(
            of(&[accounts]),
            fingerprint(&migrations(&[accounts]), 8, "ada")
        );
        assert_ne!(
            of(&[accounts]),
            fingerprint(&migrations(&[accounts]), 7, "bob")
        );
    }

    #[test]
    fn a_template_s_name_has_the_key_of_its_lock() {
        assert_eq!(key("dbop_test_template_ffffffffffffffff"), Some(-1));
        assert_eq!(
            key("dbop_test_template_ffffffffffffffff_0"),
            None,
            "a draft"
        );
    }
}
