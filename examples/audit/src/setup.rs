//! Prepares what an audit needs: the tables, the company, and the audit's own row.

use std::path::Path;

use dbop::{BlockingDb, Db, Tx, transactional};
use r2d2_sqlite::SqliteConnectionManager;
use sqlx::Sqlite;

use crate::error::AuditError;
use crate::half::Half;
use crate::model::{Audit, CompanyContext};

/// A SQLite file, opened for both halves.
#[derive(Clone, Debug)]
pub struct Database {
    /// The handle for the native half, and for everything that is not part of a half.
    pub db: Db<Sqlite>,
    /// The handle for the sync half.
    pub blocking: BlockingDb<SqliteConnectionManager>,
}

impl Database {
    /// Opens the file, and creates it and its tables if they are missing.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or belongs to another program.
    pub async fn open(file: &Path) -> Result<Self, AuditError> {
        let path = file
            .display()
            .to_string()
            .replace('%', "%25")
            .replace('?', "%3F");
        Self::on(Db::connect(&format!("sqlite:{path}?mode=rwc")).await?).await
    }

    /// Opens the sync half beside the native one, and creates the tables if they are missing.
    ///
    /// # Errors
    ///
    /// If the file belongs to another program.
    pub async fn on(db: Db<Sqlite>) -> Result<Self, AuditError> {
        sqlx::raw_sql(include_str!("schema.sql"))
            .execute(db.pool())
            .await?;
        let options = db.pool().connect_options();
        let manager = SqliteConnectionManager::file(options.get_filename())
            .with_init(|conn| conn.execute_batch("PRAGMA foreign_keys = ON"));
        let blocking = BlockingDb::builder(manager).max_connections(4).build();
        Ok(Self { db, blocking })
    }

    /// Returns both halves: the sync half first, then the native one.
    #[must_use]
    pub fn halves(&self) -> [Half; 2] {
        [
            Half::Sync(self.blocking.clone()),
            Half::Native(self.db.clone()),
        ]
    }

    /// Closes the connections of the native half. Those of the sync half close when they are
    /// dropped.
    pub async fn close(self) {
        self.db.close().await;
    }
}

/// The company that the recorded answers are about.
#[must_use]
pub fn example_company() -> CompanyContext {
    CompanyContext {
        company: "DuckDB".to_owned(),
        industry: "analytical databases".to_owned(),
        competitors: ["ClickHouse", "Snowflake", "SQLite", "Polars", "BigQuery"]
            .map(str::to_owned)
            .to_vec(),
        features: [
            "analytics inside an application",
            "querying Parquet files",
            "SQL over data frames",
            "geospatial queries",
            "analytics without a server",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}

/// Stores a company, its competitors and its features, unless they are already there. Returns the
/// company's row in `companies`.
///
/// # Errors
///
/// Returns the error of the database.
#[transactional]
pub async fn add_company(
    tx: &mut Tx<'_, Sqlite>,
    company: &CompanyContext,
) -> Result<i64, AuditError> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO companies (name, industry) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET industry = excluded.industry
         RETURNING id",
    )
    .bind(&company.company)
    .bind(&company.industry)
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO competitors (company_id, competitor_name)
         SELECT ?1, value FROM json_each(?2) WHERE true ORDER BY key
         ON CONFLICT (company_id, competitor_name) DO NOTHING",
    )
    .bind(id)
    .bind(serde_json::to_string(&company.competitors)?)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO company_features (company_id, feature_name)
         SELECT ?1, value FROM json_each(?2) WHERE true ORDER BY key
         ON CONFLICT (company_id, feature_name) DO NOTHING",
    )
    .bind(id)
    .bind(serde_json::to_string(&company.features)?)
    .execute(&mut *tx)
    .await?;
    Ok(id)
}

/// Stores an audit that is to be processed.
///
/// # Errors
///
/// If there is no such company, or the database fails.
#[transactional]
pub async fn create_audit(
    tx: &mut Tx<'_, Sqlite>,
    company_id: Option<i64>,
) -> Result<Audit, AuditError> {
    let id = sqlx::query_scalar("INSERT INTO audits (company_id) VALUES (?1) RETURNING id")
        .bind(company_id)
        .fetch_one(&mut *tx)
        .await?;
    Ok(Audit { id, company_id })
}
