//! The questions of an audit.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{QueryBuilder, Sqlite};

use super::ROWS;
use crate::error::AuditError;
use crate::model::{AuditQuery, CompanyContext, CompanyRow};
use crate::questions::questions;

/// Returns what the questions about a company are made from; without a company, a default.
///
/// # Errors
///
/// If there is no such company, or the database fails.
#[db_op(read_only)]
pub async fn company_context(
    conn: &mut Conn<'_, Sqlite>,
    company_id: Option<i64>,
) -> Result<CompanyContext, AuditError> {
    let Some(company_id) = company_id else {
        return Ok(CompanyContext::default());
    };
    let row: Option<CompanyRow> = sqlx::query_as(include_str!("../statements/company_context.sql"))
        .bind(company_id)
        .fetch_optional(&mut *conn)
        .await?;
    CompanyContext::from_row(row.ok_or(AuditError::CompanyNotFound(company_id))?)
}

/// Returns the questions of the audit, in their order. The first call stores them; later calls
/// return what is stored, although the company may have changed since.
///
/// # Errors
///
/// If there is no such audit, or the database fails.
#[transactional]
pub async fn generate_queries(
    tx: &mut Tx<'_, Sqlite>,
    audit_id: i64,
    context: &CompanyContext,
) -> Result<Vec<AuditQuery>, AuditError> {
    let stored: Option<i64> = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM audit_queries q WHERE q.audit_id = a.id)
         FROM audits a WHERE a.id = ?1",
    )
    .bind(audit_id)
    .fetch_optional(&mut *tx)
    .await?;
    if stored.ok_or(AuditError::AuditNotFound(audit_id))? == 0 {
        let questions: Vec<(i64, String)> = (1..).zip(questions(context)).collect();
        for chunk in questions.chunks(ROWS) {
            let mut insert =
                QueryBuilder::new("INSERT INTO audit_queries (audit_id, position, query_text) ");
            insert.push_values(chunk, |mut row, (position, text)| {
                row.push_bind(audit_id).push_bind(position).push_bind(text);
            });
            insert.build().execute(&mut *tx).await?;
        }
    }
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT q.query_text, count(r.id)
         FROM audit_queries q
         LEFT JOIN audit_responses r ON r.query_id = q.id
         WHERE q.audit_id = ?1
         GROUP BY q.id
         ORDER BY q.position",
    )
    .bind(audit_id)
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(text, answers)| AuditQuery { text, answers })
        .collect())
}
