//! The SQLite files and the Postgres databases of the contestants. Each contestant has one of its own,
//! because all of them would use tables of the same names.

use std::path::PathBuf;
use std::time::Duration;

use harness::bank::Fallible;
use harness::cluster::Cluster;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;

/// Enough connections for the pools of all contestants.
const SETTINGS: [&str; 1] = ["max_connections=500"];

/// A folder for SQLite files.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn create() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self { folder })
    }

    /// Creates a file that has no tables yet.
    pub(crate) fn file(&self, name: &str) -> Fallible<PathBuf> {
        let path = self.folder.path().join(format!("{name}.db"));
        std::fs::File::create(&path)?;
        Ok(path)
    }
}

/// A server of the benchmark's own on loopback, which ends with the process.
pub(crate) struct Server {
    cluster: Cluster,
    admin: PgPool,
}

impl Server {
    pub(crate) async fn start() -> Fallible<Self> {
        let cluster = Cluster::start(&SETTINGS).await;
        let admin = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            .connect(&cluster.url)
            .await?;
        Ok(Self { cluster, admin })
    }

    /// Creates a database that has no tables yet, and returns its URL.
    pub(crate) async fn database(&self, name: &str) -> Fallible<String> {
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&self.admin)
            .await?;
        let (server, _) = self.cluster.url.rsplit_once('/').ok_or("a URL")?;
        Ok(format!("{server}/{name}"))
    }

    pub(crate) async fn version(&self) -> Fallible<String> {
        let version = sqlx::query_scalar("SHOW server_version");
        Ok(version.fetch_one(&self.admin).await?)
    }
}
