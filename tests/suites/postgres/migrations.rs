//! What migrations may do on PostgreSQL.

use std::time::Duration;

use dbop::{Conn, Db, db_op};
use futures_util::future::join_all;
use sqlx::Postgres;
use sqlx::postgres::PgPoolOptions;

use super::common::migrations::migrations;
use super::common::notes::{self, SCHEMA, Trouble, note, soon};
use super::fresh_with;

/// Settings as they are while a migration runs.
const SEE_LIMITS: &str = "CREATE TABLE limits AS SELECT name, setting FROM pg_settings WHERE name IN
    ('statement_timeout', 'idle_in_transaction_session_timeout', 'client_connection_check_interval')";

#[db_op(read_only)]
async fn limits_of_the_migration(conn: &mut Conn<'_, Postgres>) -> Result<String, Trouble> {
    let seen = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM limits";
    Ok(sqlx::query_scalar(seen).fetch_one(&mut *conn).await?)
}

#[db_op]
async fn limit_now(conn: &mut Conn<'_, Postgres>) -> Result<String, Trouble> {
    let now = sqlx::query_scalar("SHOW statement_timeout");
    Ok(now.fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn a_migration_may_take_longer_than_the_limits_of_the_handle() {
    let fresh = fresh_with(|builder| {
        let limit = Duration::from_secs(2);
        let builder = builder.max_connections(1).timeout(limit);
        builder
            .statement_timeout(limit)
            .idle_in_transaction_timeout(limit)
    })
    .await;
    let set = migrations(&["SELECT pg_sleep(2.5)", SEE_LIMITS]);
    fresh.migrate(&set).await.unwrap();
    assert_eq!(
        limits_of_the_migration(&*fresh).await.unwrap(),
        "client_connection_check_interval=100 idle_in_transaction_session_timeout=0 \
         statement_timeout=0"
    );
    assert_eq!(limit_now(&*fresh).await.unwrap(), "2s", "for calls again");
}

#[tokio::test]
async fn a_migration_may_take_longer_than_the_limits_of_an_applications_pool() {
    let fresh = fresh_with(|builder| builder).await;
    let url = format!("{}?options=-c%20statement_timeout%3D2000", fresh.url);
    let pool = PgPoolOptions::new().max_connections(1).connect(&url);
    let db = Db::from_pool(pool.await.unwrap());
    let set = migrations(&["SELECT pg_sleep(2.5)"]);
    db.migrate(&set).await.unwrap();
    assert_eq!(limit_now(&db).await.unwrap(), "2s", "for calls again");
}

#[tokio::test]
async fn an_index_that_is_built_concurrently_waits_for_nobody_who_waits_for_it() {
    const INDEX: &str = "-- no-transaction\nCREATE INDEX CONCURRENTLY by_id ON notes (id)";
    let fresh = notes::open().await;
    let set = migrations(&["SELECT pg_sleep(0.2)", INDEX]);
    let handles = join_all((0..4).map(|_| Db::<Postgres>::connect(&fresh.url))).await;
    let migrating = handles.iter().map(|db| db.as_ref().unwrap().migrate(&set));
    for migrated in soon("the migrations", join_all(migrating)).await {
        migrated.unwrap();
    }
}

#[tokio::test]
async fn what_a_migration_leaves_in_its_session_meets_no_call() {
    let fresh = fresh_with(|builder| builder.max_connections(1)).await;
    let set = migrations(&[SCHEMA, "CREATE TEMP TABLE notes (id BIGINT PRIMARY KEY)"]);
    fresh.migrate(&set).await.unwrap();
    note(&*fresh, 1).await.unwrap();
    assert_eq!(notes::stored(&fresh).await, [1], "not in the other table");
}
