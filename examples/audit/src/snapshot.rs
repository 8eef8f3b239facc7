//! [`Snapshot`]: all that is stored of an audit, to compare two audits row by row.

use dbop::{Conn, db_op};
use sqlx::Sqlite;

use crate::error::AuditError;

/// The rows of an audit in all tables, each as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    rows: Vec<(String, String)>,
}

/// Reads all that is stored of an audit.
///
/// # Errors
///
/// The database's own.
#[db_op(read_only)]
pub async fn snapshot(conn: &mut Conn<'_, Sqlite>, audit_id: i64) -> Result<Snapshot, AuditError> {
    let rows: Vec<(i64, String, String)> = sqlx::query_as(include_str!("statements/snapshot.sql"))
        .bind(audit_id)
        .fetch_all(&mut *conn)
        .await?;
    Ok(Snapshot {
        rows: rows
            .into_iter()
            .map(|(_, table, line)| (table, line))
            .collect(),
    })
}

impl Snapshot {
    /// The rows of a table.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter(move |(name, _)| name == table)
            .map(|(_, line)| line.as_str())
    }

    /// How many rows a table has.
    #[must_use]
    pub fn count(&self, table: &str) -> usize {
        self.rows(table).count()
    }

    /// The first row that is not the same in both.
    #[must_use]
    pub fn difference<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let same = self
            .rows
            .iter()
            .zip(&other.rows)
            .take_while(|(one, two)| one == two)
            .count();
        let row = self.rows.get(same).or_else(|| other.rows.get(same));
        row.map(|(_, line)| line.as_str())
    }
}
