//! The questions of an audit.

use dbop::{db_op, transactional};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::AuditError;
use crate::model::{AuditQuery, CompanyContext, CompanyRow};
use crate::questions::questions;

/// Returns what the questions about a company are made from; without a company, a default.
///
/// # Errors
///
/// If there is no such company, or the database fails.
#[db_op(read_only)]
pub fn company_context(
    conn: &mut Connection,
    company_id: Option<i64>,
) -> Result<CompanyContext, AuditError> {
    let Some(company_id) = company_id else {
        return Ok(CompanyContext::default());
    };
    let row: Option<CompanyRow> = conn
        .query_row(
            include_str!("../statements/company_context.sql"),
            [company_id],
            |row| row.try_into(),
        )
        .optional()?;
    CompanyContext::from_row(row.ok_or(AuditError::CompanyNotFound(company_id))?)
}

/// Returns the questions of the audit, in their order. The first call stores them; later calls
/// return what is stored, although the company may have changed since.
///
/// # Errors
///
/// If there is no such audit, or the database fails.
#[transactional]
pub fn generate_queries(
    conn: &mut Connection,
    audit_id: i64,
    context: &CompanyContext,
) -> Result<Vec<AuditQuery>, AuditError> {
    let stored: Option<i64> = conn
        .query_row(
            "SELECT (SELECT count(*) FROM audit_queries q WHERE q.audit_id = a.id)
             FROM audits a WHERE a.id = ?1",
            [audit_id],
            |row| row.get(0),
        )
        .optional()?;
    if stored.ok_or(AuditError::AuditNotFound(audit_id))? == 0 {
        let mut insert = conn.prepare_cached(
            "INSERT INTO audit_queries (audit_id, position, query_text) VALUES (?1, ?2, ?3)",
        )?;
        for (position, text) in (1_i64..).zip(questions(context)) {
            insert.execute(params![audit_id, position, text])?;
        }
    }
    let mut select = conn.prepare_cached(
        "SELECT q.query_text, count(r.id)
         FROM audit_queries q
         LEFT JOIN audit_responses r ON r.query_id = q.id
         WHERE q.audit_id = ?1
         GROUP BY q.id
         ORDER BY q.position",
    )?;
    let rows = select.query_map([audit_id], |row| {
        Ok(AuditQuery {
            text: row.get(0)?,
            answers: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
