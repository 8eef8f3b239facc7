//! What is known of a cycle: a query that reads much and writes nothing.

use dbop::{Conn, db_op};
use serde::{Deserialize, Serialize};
use sqlx::query_as;

use crate::error::Result;

/// A report of a cycle in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct ReportNumbers {
    pub report: i64,
    pub name: String,
    pub planned: bool,
    pub attributes: i64,
    pub samples: i64,
    /// How many different values the samples have.
    pub different_values: i64,
}

/// Counts the attributes and the samples of each report of a cycle. It may take long, so its deadline is
/// longer than that of other operations; as it only reads, a lost connection lets it be repeated.
#[db_op(read_only, timeout = "1m", name = "analytics.reports", on = [Sqlite, Postgres])]
pub async fn reports(conn: &mut Conn<'_, DB>, cycle: i64) -> Result<Vec<ReportNumbers>> {
    let numbers = query_as::<DB, ReportNumbers>(
        "SELECT report, reports.name, planned_at IS NOT NULL AS planned,
                COUNT(DISTINCT attributes.id) AS attributes, COUNT(samples.id) AS samples,
                COUNT(DISTINCT samples.value) AS different_values
         FROM cycle_reports JOIN reports USING (report)
              LEFT JOIN attributes USING (cycle, report)
              LEFT JOIN samples ON samples.attribute = attributes.id
         WHERE cycle = $1
         GROUP BY report, reports.name, planned_at ORDER BY report",
    );
    Ok(numbers.bind(cycle).fetch_all(&mut *conn).await?)
}
