//! [`Snapshot`]: everything that is stored of an audit, to compare two audits row by row.

use dbop::{Conn, db_op};
use sqlx::Sqlite;

use crate::error::AuditError;

/// The rows of an audit in all tables, each as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    rows: Vec<(String, String)>,
}

/// Reads everything that is stored of an audit.
///
/// # Errors
///
/// Returns the error of the database.
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
    /// Returns the rows of a table.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter(move |(name, _)| name == table)
            .map(|(_, line)| line.as_str())
    }

    /// Returns how many rows a table has.
    #[must_use]
    pub fn count(&self, table: &str) -> usize {
        self.rows(table).count()
    }

    /// Returns the first row that is not the same in both snapshots; `None` if all are the same.
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
