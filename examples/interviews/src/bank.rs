//! The questions that the service comes with.

use dbop::{Tx, transactional};
use serde::Deserialize;
use sqlx::query_scalar;

use crate::catalogue::{self, Category, Role};
use crate::error::Result;
use crate::questions::{self, NewQuestion};

/// The file `data/bank.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Bank {
    roles: Vec<Role>,
    categories: Vec<Category>,
    questions: Vec<NewQuestion>,
}

impl Bank {
    /// Reads the bank that is part of the program.
    ///
    /// # Errors
    ///
    /// Fails if the file has a mistake. A test reads it.
    pub fn included() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("../data/bank.json"))
    }
}

/// Fills a database that has no roles yet, with all of the bank or nothing, and returns how many
/// questions it has added. What administrators have changed stays, so this may run at each start.
#[transactional(idempotent, name = "bank.fill", on = [Sqlite, Postgres])]
pub async fn fill(tx: &mut Tx<'_, DB>, bank: &Bank) -> Result<u64> {
    let roles = query_scalar("SELECT EXISTS (SELECT role FROM roles)");
    if roles.fetch_one(&mut *tx).await? {
        return Ok(0);
    }
    for role in &bank.roles {
        catalogue::put_role(&mut *tx, role).await?;
    }
    for category in &bank.categories {
        catalogue::put_category(&mut *tx, category).await?;
    }
    questions::add(&mut *tx, &bank.questions).await
}
