//! The migrations of an application: applied once, one process at a time, and without other limits.

use std::borrow::Cow;

use dbop::{Category, Db, ErrorKind, Outcome};
use dbop_tests::poll_at_most;
use futures_util::future::join_all;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::super::BRIEF;
use super::notes::{self, note, soon};
use super::{Database, fresh_with};

/// Returns migrations of these texts, with the versions 1, 2, and so on. A text that begins with
/// `-- no-transaction` runs without one, as the macro `migrate!` has it.
pub(crate) fn migrations(texts: &[&'static str]) -> Migrator {
    let migration = |(version, text): (i64, &&'static str)| {
        let without = text.starts_with("-- no-transaction");
        let (sql, name) = (text.into_sql_str(), Cow::Borrowed("a step"));
        Migration::new(version, name, MigrationType::Simple, sql, without)
    };
    Migrator::with_migrations((1..).zip(texts).map(migration).collect())
}

const NOTES: &str = notes::SCHEMA;
/// Adds 1 if there is no note, and else the number after the last one: it shows how often it ran.
const ONE_MORE: &str = "INSERT INTO notes SELECT coalesce(max(id), 0) + 1 FROM notes";

async fn again(url: &str) -> Db<Database> {
    Db::connect(url).await.expect("another handle")
}

#[tokio::test]
async fn each_migration_is_applied_once_and_in_its_order() {
    let fresh = fresh_with(|builder| builder.max_connections(1)).await;
    fresh
        .migrate(&migrations(&[NOTES, ONE_MORE]))
        .await
        .unwrap();
    let longer = migrations(&[NOTES, ONE_MORE, ONE_MORE]);
    fresh.migrate(&longer).await.unwrap();
    fresh.migrate(&longer).await.unwrap();
    assert_eq!(notes::stored(&fresh).await, [1, 2]);
    note(&*fresh, 3).await.expect("the connection is back");
}

#[tokio::test]
async fn a_migration_that_fails_is_named_and_leaves_those_before_and_nothing_of_its_own() {
    let fresh = fresh_with(|builder| builder.max_connections(1)).await;
    let taken = "INSERT INTO notes VALUES (7); INSERT INTO notes VALUES (1)";
    let failing = migrations(&[NOTES, ONE_MORE, taken]);
    let error = fresh.migrate(&failing).await.unwrap_err();
    assert_eq!(error.category(), Category::Integrity, "{error}");
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert_eq!(error.operation(), Some("migrate"));
    let text = error.to_string();
    assert!(text.starts_with("`migrate`: migration 3: "), "{text}");
    assert!(text.contains("`3_a_step.sql`"), "the file: {text}");
    assert!(std::error::Error::source(&error).is_none(), "said once");
    assert_eq!(notes::stored(&fresh).await, [1]);
    let mended = migrations(&[NOTES, ONE_MORE, ONE_MORE]);
    soon("the mended set", again(&fresh.url).await.migrate(&mended))
        .await
        .expect("nobody holds a lock");
    assert_eq!(notes::stored(&fresh).await, [1, 2]);
}

#[tokio::test]
async fn a_check_that_was_put_off_until_the_end_fails_in_the_name_of_its_migration() {
    let fresh = fresh_with(|builder| builder).await;
    let set = migrations(&[
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);
         CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO children VALUES (1)",
    ]);
    for _ in ["first", "not applied then"] {
        let error = fresh.migrate(&set).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignKey, "{error}");
        let text = error.to_string();
        assert!(text.contains("migration 2: "), "{text}");
        assert!(text.contains("`2_a_step.sql`"), "the file: {text}");
    }
}

#[tokio::test]
async fn several_that_migrate_at_once_apply_each_migration_once_and_none_fails() {
    let fresh = fresh_with(|builder| builder).await;
    let set = migrations(&[NOTES, ONE_MORE, BRIEF, ONE_MORE, ONE_MORE]);
    let handles = join_all((0..6).map(|_| again(&fresh.url))).await;
    let migrating = join_all(handles.iter().map(|db| db.migrate(&set)));
    for migrated in soon("the migrations", migrating).await {
        migrated.unwrap();
    }
    assert_eq!(notes::stored(&fresh).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_set_that_does_not_fit_what_was_applied_says_what_to_do() {
    let fresh = fresh_with(|builder| builder).await;
    fresh
        .migrate(&migrations(&[NOTES, ONE_MORE]))
        .await
        .unwrap();
    for (set, parts) in [
        (
            migrations(&[NOTES, "DELETE FROM notes WHERE id = 1"]),
            ["`2_a_step.sql`", "restore the file"],
        ),
        (migrations(&[NOTES]), ["migration 2", "set_ignore_missing"]),
        (migrations(&[]), ["migration 1", "set_ignore_missing"]),
    ] {
        let error = fresh.migrate(&set).await.unwrap_err();
        assert_eq!(error.category(), Category::Programming, "{error}");
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(
            error.outcome(),
            Some(Outcome::RolledBack),
            "nothing has run"
        );
    }
    assert_eq!(notes::stored(&fresh).await, [1]);
}

#[tokio::test]
async fn a_call_that_is_dropped_anywhere_leaves_whole_migrations_and_no_lock() {
    let set = migrations(&[NOTES, ONE_MORE, ONE_MORE]);
    for polls in 1.. {
        let fresh = fresh_with(|builder| builder.max_connections(1)).await;
        let ended = poll_at_most(polls, fresh.migrate(&set)).await.is_some();
        soon("the next call", fresh.migrate(&set)).await.unwrap();
        assert_eq!(notes::stored(&fresh).await, [1, 2], "after {polls} polls");
        if ended {
            break;
        }
    }
}

#[tokio::test]
async fn a_closed_handle_does_not_migrate() {
    let fresh = fresh_with(|builder| builder).await;
    fresh.close().await;
    let error = fresh.migrate(&migrations(&[NOTES])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
}
