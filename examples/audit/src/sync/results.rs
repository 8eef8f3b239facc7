//! The results of an audit.

use dbop::{db_op, transactional};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::status::update_audit_status_sync;
use crate::error::AuditError;
use crate::insights::insights;
use crate::model::{AuditStatus, CompanyContext, FinalAudit, Insight, Score, ScoreRow};

/// Returns the stored scores of the audit, the overall score first.
///
/// # Errors
///
/// Returns the error of the database.
#[db_op(read_only)]
pub fn scores(conn: &mut Connection, audit_id: i64) -> Result<Vec<Score>, AuditError> {
    let mut select = conn.prepare_cached(
        "SELECT provider, model_version, answers, mentions, visibility, average_position,
                competitor_share
         FROM audit_scores
         WHERE audit_id = ?1
         ORDER BY provider, model_version",
    )?;
    let rows = select.query_map([audit_id], |row| ScoreRow::try_from(row))?;
    let rows: Vec<ScoreRow> = rows.collect::<Result<_, _>>()?;
    rows.into_iter().map(Score::from_row).collect()
}

/// Scores the analysed answers of the audit, and replaces earlier scores.
///
/// # Errors
///
/// Returns the error of the database.
#[transactional]
pub fn calculate_scores(conn: &mut Connection, audit_id: i64) -> Result<Vec<Score>, AuditError> {
    conn.execute("DELETE FROM audit_scores WHERE audit_id = ?1", [audit_id])?;
    conn.execute(
        include_str!("../statements/calculate_scores.sql"),
        [audit_id],
    )?;
    scores_sync(conn, audit_id)
}

/// Stores sentences about what the scores of the audit mean, and replaces earlier ones.
///
/// # Errors
///
/// If there is no such audit, or the database fails.
#[transactional]
pub fn generate_insights(conn: &mut Connection, audit_id: i64) -> Result<Vec<Insight>, AuditError> {
    let company: Option<Option<String>> = conn
        .query_row(
            "SELECT c.name
             FROM audits a LEFT JOIN companies c ON c.id = a.company_id
             WHERE a.id = ?1",
            [audit_id],
            |row| row.get(0),
        )
        .optional()?;
    let company = company.ok_or(AuditError::AuditNotFound(audit_id))?;
    let company = company.unwrap_or_else(|| CompanyContext::default().company);
    let insights = insights(&company, &scores_sync(conn, audit_id)?);
    conn.execute("DELETE FROM audit_insights WHERE audit_id = ?1", [audit_id])?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO audit_insights (audit_id, position, severity, insight_text)
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (position, insight) in (1_i64..).zip(&insights) {
        insert.execute(params![
            audit_id,
            position,
            insight.severity.as_str(),
            insight.text
        ])?;
    }
    Ok(insights)
}

/// Copies the analysed answers of the audit to where other programs read them. Returns how many
/// were not there before.
///
/// # Errors
///
/// Returns the error of the database.
#[transactional]
pub fn migrate_to_final_responses(conn: &mut Connection, audit_id: i64) -> Result<u64, AuditError> {
    let migrated = conn.execute(
        include_str!("../statements/migrate_to_final_responses.sql"),
        [audit_id],
    )?;
    Ok(migrated as u64)
}

/// Ends the audit: stores answers, scores, insights and the status, all of them or none.
///
/// # Errors
///
/// If the audit is not being processed, for example because somebody has cancelled it, or the
/// database fails.
#[transactional]
pub fn finalize_audit(conn: &mut Connection, audit_id: i64) -> Result<FinalAudit, AuditError> {
    let migrated = migrate_to_final_responses_sync(conn, audit_id)?;
    let scores = calculate_scores_sync(conn, audit_id)?;
    let insights = generate_insights_sync(conn, audit_id)?;
    update_audit_status_sync(conn, audit_id, AuditStatus::Completed, None)?;
    Ok(FinalAudit {
        migrated,
        scores,
        insights,
    })
}
