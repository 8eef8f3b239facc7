//! Cycles, the reports that are tested in them, and the attributes that are tested of each report.

use chrono::{DateTime, Utc};
use dbop::{BulkInsert, Conn, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use crate::error::Result;
use crate::model::{DataType, Proposal, Question};

/// A report of a cycle, with what the model has to know about it.
#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct CycleReport {
    pub cycle: i64,
    pub report: i64,
    pub name: String,
    pub report_type: String,
    pub regulatory_context: String,
    /// When the attributes of the report were stored.
    pub planned_at: Option<DateTime<Utc>>,
}

impl CycleReport {
    #[must_use]
    pub fn question(&self) -> Question {
        Question {
            report_type: self.report_type.clone(),
            regulatory_context: self.regulatory_context.clone(),
        }
    }
}

/// An attribute as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Attribute {
    pub id: Uuid,
    pub name: String,
    pub data_type: DataType,
}

/// Adds a cycle in which the reports with the numbers from 1 to `reports` are tested. What is there
/// already stays.
#[transactional(idempotent, name = "cycles.begin", on = [Sqlite, Postgres])]
pub async fn begin(tx: &mut Tx<'_, DB>, cycle: i64, reports: i64) -> Result<()> {
    let name = format!("Cycle {cycle}");
    let add = query("INSERT INTO cycles (cycle, name) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    add.bind(cycle).bind(name).execute(&mut *tx).await?;
    let examples: Vec<_> = (1..=reports).map(example).collect();
    BulkInsert::into("reports")
        .column("report", 1..=reports)
        .column("name", examples.iter().map(|(name, ..)| name))
        .column("report_type", examples.iter().map(|(_, kind, _)| *kind))
        .column(
            "regulatory_context",
            examples.iter().map(|(.., context)| context),
        )
        .on_conflict("DO NOTHING")
        .execute(&mut *tx)
        .await?;
    BulkInsert::into("cycle_reports")
        .column("cycle", (1..=reports).map(|_| cycle))
        .column("report", 1..=reports)
        .on_conflict("DO NOTHING")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Returns the name, the type and the rules of the report with this number.
fn example(report: i64) -> (String, &'static str, String) {
    const TYPES: [&str; 4] = ["credit", "liquidity", "market risk", "operational risk"];
    let kind = usize::try_from(report).unwrap_or_default() % TYPES.len();
    let name = format!("Report {report} on {}", TYPES[kind]);
    (name, TYPES[kind], format!("Rule {}", 100 + report))
}

#[db_op(read_only, name = "cycles.find", on = [Sqlite, Postgres])]
pub async fn find(conn: &mut Conn<'_, DB>, cycle: i64, report: i64) -> Result<CycleReport> {
    let find = query_as::<DB, CycleReport>(
        "SELECT * FROM cycle_reports JOIN reports USING (report) WHERE cycle = $1 AND report = $2",
    );
    Ok(find.bind(cycle).bind(report).fetch_one(&mut *conn).await?)
}

/// Returns the numbers of the reports of a cycle.
#[db_op(read_only, name = "cycles.reports", on = [Sqlite, Postgres])]
pub async fn reports(conn: &mut Conn<'_, DB>, cycle: i64) -> Result<Vec<i64>> {
    let reports = query_scalar("SELECT report FROM cycle_reports WHERE cycle = $1 ORDER BY report");
    Ok(reports.bind(cycle).fetch_all(&mut *conn).await?)
}

/// Stores the attributes of a report and marks it as planned, unless somebody has planned it already.
/// Returns how many attributes were stored.
#[transactional(name = "cycles.store", on = [Sqlite, Postgres])]
pub async fn store(
    tx: &mut Tx<'_, DB>,
    cycle: i64,
    report: i64,
    proposals: &[Proposal],
) -> Result<usize> {
    let mark = query(
        "UPDATE cycle_reports SET planned_at = $1
         WHERE cycle = $2 AND report = $3 AND planned_at IS NULL",
    );
    let mark = mark.bind(Utc::now()).bind(cycle).bind(report);
    if mark.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(0);
    }
    BulkInsert::into("attributes")
        .column("id", proposals.iter().map(|_| Uuid::now_v7()))
        .column("cycle", proposals.iter().map(|_| cycle))
        .column("report", proposals.iter().map(|_| report))
        .column("name", proposals.iter().map(|it| &it.name))
        .column(
            "data_type",
            proposals.iter().map(|it| it.data_type.as_str()),
        )
        .column("rationale", proposals.iter().map(|it| &it.rationale))
        .execute(&mut *tx)
        .await?;
    Ok(proposals.len())
}

/// Returns the attributes of a report, in the order in which they were made.
#[db_op(read_only, name = "cycles.attributes", on = [Sqlite, Postgres])]
pub async fn attributes(
    conn: &mut Conn<'_, DB>,
    cycle: i64,
    report: i64,
) -> Result<Vec<Attribute>> {
    let attributes = query_as::<DB, Attribute>(
        "SELECT id, name, data_type FROM attributes WHERE cycle = $1 AND report = $2 ORDER BY id",
    );
    let attributes = attributes.bind(cycle).bind(report);
    Ok(attributes.fetch_all(&mut *conn).await?)
}
