//! The status of an audit.

use dbop::{db_op, transactional};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::AuditError;
use crate::model::AuditStatus;

/// Returns whether somebody has cancelled the audit.
///
/// # Errors
///
/// If there is no such audit, or the database fails.
#[db_op(read_only)]
pub fn is_audit_cancelled(conn: &mut Connection, audit_id: i64) -> Result<bool, AuditError> {
    let status: Option<String> = conn
        .query_row(
            "SELECT status FROM audits WHERE id = ?1",
            [audit_id],
            |row| row.get(0),
        )
        .optional()?;
    let status = status.ok_or(AuditError::AuditNotFound(audit_id))?;
    Ok(status == AuditStatus::Cancelled.as_str())
}

/// Gives the audit another status, with the time or the error that belongs to it.
///
/// # Errors
///
/// If the new status cannot follow the present one, there is no such audit, or the database fails.
#[transactional]
pub fn update_audit_status(
    conn: &mut Connection,
    audit_id: i64,
    status: AuditStatus,
    error_message: Option<&str>,
) -> Result<(), AuditError> {
    let from: Option<String> = conn
        .query_row(
            "SELECT status FROM audits WHERE id = ?1",
            [audit_id],
            |row| row.get(0),
        )
        .optional()?;
    let from: AuditStatus = from.ok_or(AuditError::AuditNotFound(audit_id))?.parse()?;
    if !from.can_become(status) {
        return Err(AuditError::ForbiddenTransition {
            audit_id,
            from,
            to: status,
        });
    }
    match status {
        // An audit that is processed again has not failed.
        AuditStatus::Processing => conn.execute(
            "UPDATE audits SET status = ?2, error_message = NULL,
                    started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
             WHERE id = ?1",
            params![audit_id, status.as_str()],
        )?,
        AuditStatus::Completed => conn.execute(
            "UPDATE audits SET status = ?2, completed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
             WHERE id = ?1",
            params![audit_id, status.as_str()],
        )?,
        AuditStatus::Failed => conn.execute(
            "UPDATE audits SET status = ?2, error_message = ?3 WHERE id = ?1",
            params![audit_id, status.as_str(), error_message],
        )?,
        AuditStatus::Pending | AuditStatus::Cancelled => conn.execute(
            "UPDATE audits SET status = ?2 WHERE id = ?1",
            params![audit_id, status.as_str()],
        )?,
    };
    Ok(())
}
