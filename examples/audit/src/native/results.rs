//! The results of an audit.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{QueryBuilder, Sqlite};

use super::ROWS;
use super::status::update_audit_status;
use crate::error::AuditError;
use crate::insights::insights;
use crate::model::{AuditStatus, CompanyContext, FinalAudit, Insight, Score, ScoreRow};

/// Returns the stored scores of the audit, the overall score first.
///
/// # Errors
///
/// Returns the error of the database.
#[db_op(read_only)]
pub async fn scores(conn: &mut Conn<'_, Sqlite>, audit_id: i64) -> Result<Vec<Score>, AuditError> {
    let rows: Vec<ScoreRow> = sqlx::query_as(
        "SELECT provider, model_version, answers, mentions, visibility, average_position,
                competitor_share
         FROM audit_scores
         WHERE audit_id = ?1
         ORDER BY provider, model_version",
    )
    .bind(audit_id)
    .fetch_all(&mut *conn)
    .await?;
    rows.into_iter().map(Score::from_row).collect()
}

/// Scores the analysed answers of the audit, and replaces earlier scores.
///
/// # Errors
///
/// Returns the error of the database.
#[transactional]
pub async fn calculate_scores(
    tx: &mut Tx<'_, Sqlite>,
    audit_id: i64,
) -> Result<Vec<Score>, AuditError> {
    sqlx::query("DELETE FROM audit_scores WHERE audit_id = ?1")
        .bind(audit_id)
        .execute(&mut *tx)
        .await?;
    sqlx::query(include_str!("../statements/calculate_scores.sql"))
        .bind(audit_id)
        .execute(&mut *tx)
        .await?;
    scores(&mut *tx, audit_id).await
}

/// Stores sentences about what the scores of the audit mean, and replaces earlier ones.
///
/// # Errors
///
/// If there is no such audit, or the database fails.
#[transactional]
pub async fn generate_insights(
    tx: &mut Tx<'_, Sqlite>,
    audit_id: i64,
) -> Result<Vec<Insight>, AuditError> {
    let company: Option<Option<String>> = sqlx::query_scalar(
        "SELECT c.name
         FROM audits a LEFT JOIN companies c ON c.id = a.company_id
         WHERE a.id = ?1",
    )
    .bind(audit_id)
    .fetch_optional(&mut *tx)
    .await?;
    let company = company.ok_or(AuditError::AuditNotFound(audit_id))?;
    let company = company.unwrap_or_else(|| CompanyContext::default().company);
    let insights = insights(&company, &scores(&mut *tx, audit_id).await?);
    sqlx::query("DELETE FROM audit_insights WHERE audit_id = ?1")
        .bind(audit_id)
        .execute(&mut *tx)
        .await?;
    let rows: Vec<(i64, &Insight)> = (1..).zip(&insights).collect();
    for chunk in rows.chunks(ROWS) {
        let mut insert = QueryBuilder::new(
            "INSERT INTO audit_insights (audit_id, position, severity, insight_text) ",
        );
        insert.push_values(chunk, |mut row, (position, insight)| {
            row.push_bind(audit_id)
                .push_bind(position)
                .push_bind(insight.severity.as_str())
                .push_bind(&insight.text);
        });
        insert.build().execute(&mut *tx).await?;
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
pub async fn migrate_to_final_responses(
    tx: &mut Tx<'_, Sqlite>,
    audit_id: i64,
) -> Result<u64, AuditError> {
    let migrated = sqlx::query(include_str!("../statements/migrate_to_final_responses.sql"))
        .bind(audit_id)
        .execute(&mut *tx)
        .await?;
    Ok(migrated.rows_affected())
}

/// Ends the audit: stores answers, scores, insights and the status, all of them or none.
///
/// # Errors
///
/// If the audit is not being processed, for example because somebody has cancelled it, or the
/// database fails.
#[transactional]
pub async fn finalize_audit(
    tx: &mut Tx<'_, Sqlite>,
    audit_id: i64,
) -> Result<FinalAudit, AuditError> {
    let migrated = migrate_to_final_responses(&mut *tx, audit_id).await?;
    let scores = calculate_scores(&mut *tx, audit_id).await?;
    let insights = generate_insights(&mut *tx, audit_id).await?;
    update_audit_status(&mut *tx, audit_id, AuditStatus::Completed, None).await?;
    Ok(FinalAudit {
        migrated,
        scores,
        insights,
    })
}
