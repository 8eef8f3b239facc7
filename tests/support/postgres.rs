//! Databases in the throwaway cluster that `tests/run` starts.

use std::sync::atomic::{AtomicU32, Ordering};

use dbop::Db;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres};

use crate::{Configure, Fresh};

/// Returns the cluster's URL, whose user may create databases.
///
/// # Panics
///
/// If the variable is not set: a Postgres test then fails instead of being skipped.
#[must_use]
pub fn cluster() -> String {
    std::env::var("DBOP_TEST_POSTGRES").expect(
        "DBOP_TEST_POSTGRES is not set: run the tests with `tests/run`, which starts a Postgres \
         of its own",
    )
}

/// Creates a new database in the cluster.
///
/// # Panics
///
/// If the database cannot be created.
pub async fn fresh_with(configure: Configure<Postgres>) -> Fresh<Postgres> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    let cluster = cluster();
    let mut admin = PgConnection::connect(&cluster)
        .await
        .expect("the cluster of tests/run");
    admin
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("a new database");
    let (server, _) = cluster.rsplit_once('/').expect("a database in the URL");
    let url = format!("{server}/{name}");
    let builder = Db::builder().url(&url);
    let db = configure(builder)
        .connect()
        .await
        .expect("the new database");
    Fresh {
        db,
        url,
        _folder: None,
    }
}

/// Opens a connection to the same database that dbop knows nothing about.
///
/// # Panics
///
/// If the connection cannot be opened.
pub async fn outside(fresh: &Fresh<Postgres>) -> PgConnection {
    PgConnection::connect(&fresh.url)
        .await
        .expect("a second connection to the database")
}
