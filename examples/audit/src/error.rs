//! [`AuditError`]: what can go wrong, in either half.

use crate::client::ClientError;
use crate::model::AuditStatus;

/// A failed step of an audit.
#[derive(Debug, thiserror::Error, dbop::DbError)]
pub enum AuditError {
    /// There is no such company.
    #[error("company {0} not found")]
    CompanyNotFound(i64),
    /// There is no such audit.
    #[error("audit {0} not found")]
    AuditNotFound(i64),
    /// The question is not one of the audit's.
    #[error("audit {audit_id} does not ask `{query_text}`")]
    QueryNotFound {
        /// The audit.
        audit_id: i64,
        /// The question.
        query_text: String,
    },
    /// There is no such answer to store an analysis of.
    #[error("response {0} not found")]
    ResponseNotFound(i64),
    /// A status that cannot follow the present one.
    #[error("audit {audit_id} is {from} and cannot become {to}")]
    ForbiddenTransition {
        /// The audit.
        audit_id: i64,
        /// Its status.
        from: AuditStatus,
        /// The one it was to get.
        to: AuditStatus,
    },
    /// A word in the database that this program does not know.
    #[error("`{1}` is no {0}")]
    UnknownWord(&'static str, String),
    /// A list in the database that is not one.
    #[error("a stored list cannot be read: {0}")]
    StoredList(#[from] serde_json::Error),
    /// The providers cannot be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What the database said to the native half.
    #[error(transparent)]
    Database(#[from] dbop::Error),
    /// What the database said to the sync half.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}
