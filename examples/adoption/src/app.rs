//! The application: its pool, and what it keeps for as long as it runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::error::Result;
use crate::shapes::handle_in_self::{Catalogue, Desk};
use crate::shapes::optional_transaction::Cards;

pub(crate) struct App {
    pub(crate) pool: SqlitePool,
    pub(crate) catalogue: Catalogue,
    pub(crate) desk: Desk,
    pub(crate) cards: Cards,
    pub(crate) file: PathBuf,
}

impl App {
    /// Creates the library in this folder.
    pub(crate) async fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("library.db");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            // Short, so that whoever holds a lock for a moment is met.
            .busy_timeout(Duration::from_millis(5));
        // One, so that a transaction that was dropped is over before the next statement.
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options).await?;
        sqlx::raw_sql(include_str!("schema.sql"))
            .execute(&pool)
            .await?;
        Ok(Self {
            catalogue: Catalogue { pool: pool.clone() },
            desk: Desk { pool: pool.clone() },
            cards: Cards { pool: pool.clone() },
            pool,
            file,
        })
    }
}
