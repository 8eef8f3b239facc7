//! The SQLite file and the Postgres server that all contestants share.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use harness::bank::{ACCOUNTS, CENTS, Fallible, Place};
use harness::cluster::Cluster;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, SqlitePool};
use tempfile::TempDir;

use crate::peers::pools;

/// Enough connections for all pools of a section. Deadlocks are broken soon, because by default
/// each takes a second, and nothing else would be measured.
const SETTINGS: [&str; 2] = ["max_connections=500", "deadlock_timeout=50ms"];

/// A file in the folder for temporary files.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    admin: SqlitePool,
    _folder: TempDir,
}

impl File {
    pub(crate) async fn create() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bank.db");
        std::fs::File::create(&path)?;
        let admin = pools::sqlite(&path, 1).await?.write;
        sqlx::raw_sql(
            "CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents BIGINT NOT NULL);
             CREATE TABLE items
                 (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents BIGINT NOT NULL);",
        )
        .execute(&admin)
        .await?;
        sqlx::query(
            "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < $1)
             INSERT INTO accounts SELECT id, $2 FROM ids",
        )
        .bind(ACCOUNTS)
        .bind(CENTS)
        .execute(&admin)
        .await?;
        Ok(Self {
            path,
            admin,
            _folder: folder,
        })
    }
}

impl Place for File {
    fn clear(&self) -> BoxFuture<'_, Fallible<i64>> {
        Box::pin(async {
            let count = sqlx::query_scalar("SELECT count(*) FROM items");
            let count = count.fetch_one(&self.admin).await?;
            // The write-ahead log is emptied, so that no contestant's turn pays for another's.
            sqlx::raw_sql("DELETE FROM items; PRAGMA wal_checkpoint(TRUNCATE);")
                .execute(&self.admin)
                .await?;
            Ok(count)
        })
    }

    fn total(&self) -> BoxFuture<'_, Fallible<i64>> {
        Box::pin(async {
            let total = sqlx::query_scalar("SELECT sum(cents) FROM accounts");
            Ok(total.fetch_one(&self.admin).await?)
        })
    }
}

/// A server of the benchmark's own on loopback, which ends with the process.
pub(crate) struct Server {
    pub(crate) url: String,
    admin: PgPool,
    _cluster: Cluster,
}

impl Server {
    pub(crate) async fn start() -> Fallible<Self> {
        let cluster = Cluster::start(&SETTINGS).await;
        let admin = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            .connect(&cluster.url)
            .await?;
        sqlx::raw_sql(
            "CREATE TABLE accounts (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL);
             CREATE TABLE items
                 (id BIGINT PRIMARY KEY, name TEXT NOT NULL, cents BIGINT NOT NULL);",
        )
        .execute(&admin)
        .await?;
        sqlx::query("INSERT INTO accounts SELECT id, $2 FROM generate_series(1, $1) id")
            .bind(ACCOUNTS)
            .bind(CENTS)
            .execute(&admin)
            .await?;
        sqlx::raw_sql("VACUUM ANALYZE accounts")
            .execute(&admin)
            .await?;
        Ok(Self {
            url: cluster.url.clone(),
            admin,
            _cluster: cluster,
        })
    }

    pub(crate) async fn version(&self) -> Fallible<String> {
        let version = sqlx::query_scalar("SHOW server_version");
        Ok(version.fetch_one(&self.admin).await?)
    }
}

impl Place for Server {
    fn clear(&self) -> BoxFuture<'_, Fallible<i64>> {
        Box::pin(async {
            let count = sqlx::query_scalar("SELECT count(*) FROM items");
            let count = count.fetch_one(&self.admin).await?;
            sqlx::raw_sql("TRUNCATE items").execute(&self.admin).await?;
            Ok(count)
        })
    }

    fn total(&self) -> BoxFuture<'_, Fallible<i64>> {
        Box::pin(async {
            let total = "SELECT CAST(sum(cents) AS BIGINT) FROM accounts";
            Ok(sqlx::query_scalar(total).fetch_one(&self.admin).await?)
        })
    }
}
