//! What a program asks before its first request: are the connections open, and is the schema its own?

use dbop::{Category, Db, ErrorKind, Outcome};
use dbop_tests::eventually;
use sqlx::Executor;

use super::migrations::migrations;
use super::notes::{self, soon};
use super::{Database, fresh_with};

const NOTES: &str = notes::SCHEMA;
const SECOND: &str = "INSERT INTO notes VALUES (1)";
const THIRD: &str = "INSERT INTO notes VALUES (2)";

#[tokio::test]
async fn a_schema_that_is_the_programs_own_is_accepted_and_nothing_is_applied_to_another() {
    let fresh = fresh_with(|builder| builder.max_connections(1)).await;
    let (first, all) = (migrations(&[NOTES]), migrations(&[NOTES, SECOND, THIRD]));
    let none = fresh.verify_schema(&first).await.unwrap_err();
    assert!(
        none.to_string().contains("1_a_step.sql not applied yet"),
        "{none}"
    );
    fresh.migrate(&first).await.unwrap();
    fresh.verify_schema(&first).await.unwrap();
    let error = fresh.verify_schema(&all).await.unwrap_err();
    let known = (error.category(), error.kind(), error.outcome());
    let expected = (
        Category::Programming,
        ErrorKind::ObjectState,
        Some(Outcome::RolledBack),
    );
    assert_eq!(known, expected, "{error}");
    let text = error.to_string();
    assert!(text.starts_with("`verify_schema`: "), "{text}");
    assert!(
        text.contains("2_a_step.sql, 3_a_step.sql not applied yet"),
        "{text}"
    );
    assert!(text.contains("run `migrate`"), "{text}");
    assert!(
        notes::stored(&fresh).await.is_empty(),
        "nothing was applied"
    );
    fresh.migrate(&all).await.unwrap();
    fresh.verify_schema(&all).await.unwrap();
}

#[tokio::test]
async fn changed_newer_and_removed_migrations_are_all_named() {
    let fresh = fresh_with(|builder| builder).await;
    fresh
        .migrate(&migrations(&[NOTES, SECOND, THIRD]))
        .await
        .unwrap();
    let changed = migrations(&[NOTES, "INSERT INTO notes VALUES (7)"]);
    let text = fresh.verify_schema(&changed).await.unwrap_err().to_string();
    assert!(
        text.contains("2_a_step.sql changed after it was applied"),
        "{text}"
    );
    assert!(text.contains("3 newer than this program"), "{text}");
    assert!(text.contains("set_ignore_missing"), "{text}");
    let mut older = migrations(&[NOTES, SECOND]);
    older.set_ignore_missing(true);
    fresh.verify_schema(&older).await.unwrap();
    fresh
        .pool()
        .execute("UPDATE _sqlx_migrations SET version = 0 WHERE version = 3")
        .await
        .unwrap();
    let text = fresh.verify_schema(&migrations(&[NOTES, SECOND])).await;
    let text = text.unwrap_err().to_string();
    assert!(
        text.contains("0 applied, but not known to this program"),
        "{text}"
    );
    fresh
        .pool()
        .execute("UPDATE _sqlx_migrations SET success = false WHERE version = 2")
        .await
        .unwrap();
    let text = fresh.verify_schema(&older).await.unwrap_err().to_string();
    assert!(text.contains("2 failed half-way"), "{text}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_no_schema_that_differs() {
    let fresh = fresh_with(|builder| builder).await;
    fresh.pool().close().await;
    let error = fresh
        .verify_schema(&migrations(&[NOTES]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PoolClosed, "{error}");
    fresh.close().await;
    let error = fresh
        .verify_schema(&migrations(&[NOTES]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
}

#[tokio::test]
async fn warming_up_opens_the_connections_that_the_pools_are_to_keep_and_gives_them_back() {
    let fresh = fresh_with(|builder| builder).await;
    let builder = Db::<Database>::builder().url(&fresh.url);
    let db = builder
        .max_connections(4)
        .min_connections(3)
        .connect()
        .await
        .unwrap();
    assert_eq!(db.pool().size(), 1, "the one that `connect` has opened");
    for _ in ["first", "again"] {
        soon("warming up", db.warm_up()).await.unwrap();
        // On SQLite one connection writes.
        let expected = if super::super::SYSTEM == "sqlite" {
            1
        } else {
            3
        };
        assert!(db.pool().size() >= expected, "{}", db.pool().size());
        let all_idle = async || db.pool().num_idle() == db.pool().size() as usize;
        eventually("all connections are back", all_idle).await;
    }
    soon("the end", db.close()).await;
    let error = db.warm_up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown, "{error}");
}

#[tokio::test]
async fn several_who_warm_up_at_once_do_not_keep_each_other_from_it() {
    let fresh = fresh_with(|builder| builder.max_connections(16).min_connections(16)).await;
    for _ in 0..10 {
        let at_once = std::sync::Arc::new(std::sync::Barrier::new(3));
        let warm_up = || {
            let (db, at_once) = (fresh.db.clone(), std::sync::Arc::clone(&at_once));
            tokio::task::spawn_blocking(move || {
                at_once.wait();
                tokio::runtime::Handle::current().block_on(db.warm_up())
            })
        };
        for warmed in [warm_up(), warm_up(), warm_up()] {
            soon("warming up", warmed).await.unwrap().unwrap();
        }
    }
}
