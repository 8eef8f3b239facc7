//! The status of an audit.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::error::AuditError;
use crate::model::AuditStatus;

/// Returns whether somebody has cancelled the audit.
///
/// # Errors
///
/// If there is no such audit, or the database fails.
#[db_op(read_only)]
pub async fn is_audit_cancelled(
    conn: &mut Conn<'_, Sqlite>,
    audit_id: i64,
) -> Result<bool, AuditError> {
    let status: Option<String> = sqlx::query_scalar("SELECT status FROM audits WHERE id = ?1")
        .bind(audit_id)
        .fetch_optional(&mut *conn)
        .await?;
    let status = status.ok_or(AuditError::AuditNotFound(audit_id))?;
    Ok(status == AuditStatus::Cancelled.as_str())
}

/// Gives the audit another status, with the time or the error that belongs to it.
///
/// # Errors
///
/// If the new status cannot follow the present one, there is no such audit, or the database fails.
#[transactional]
pub async fn update_audit_status(
    tx: &mut Tx<'_, Sqlite>,
    audit_id: i64,
    status: AuditStatus,
    error_message: Option<&str>,
) -> Result<(), AuditError> {
    let from: Option<String> = sqlx::query_scalar("SELECT status FROM audits WHERE id = ?1")
        .bind(audit_id)
        .fetch_optional(&mut *tx)
        .await?;
    let from: AuditStatus = from.ok_or(AuditError::AuditNotFound(audit_id))?.parse()?;
    if !from.can_become(status) {
        return Err(AuditError::ForbiddenTransition {
            audit_id,
            from,
            to: status,
        });
    }
    let update = match status {
        // An audit that is processed again has not failed.
        AuditStatus::Processing => sqlx::query(
            "UPDATE audits SET status = ?2, error_message = NULL,
                    started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
             WHERE id = ?1",
        )
        .bind(audit_id)
        .bind(status.as_str()),
        AuditStatus::Completed => sqlx::query(
            "UPDATE audits SET status = ?2, completed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
             WHERE id = ?1",
        )
        .bind(audit_id)
        .bind(status.as_str()),
        AuditStatus::Failed => {
            sqlx::query("UPDATE audits SET status = ?2, error_message = ?3 WHERE id = ?1")
                .bind(audit_id)
                .bind(status.as_str())
                .bind(error_message)
        }
        AuditStatus::Pending | AuditStatus::Cancelled => {
            sqlx::query("UPDATE audits SET status = ?2 WHERE id = ?1")
                .bind(audit_id)
                .bind(status.as_str())
        }
    };
    update.execute(&mut *tx).await?;
    Ok(())
}
