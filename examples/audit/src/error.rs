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
    /// There is no such answer, so its analysis cannot be stored.
    #[error("response {0} not found")]
    ResponseNotFound(i64),
    /// A status that cannot follow the present status.
    #[error("audit {audit_id} is {from} and cannot become {to}")]
    ForbiddenTransition {
        /// The audit.
        audit_id: i64,
        /// The present status.
        from: AuditStatus,
        /// The status that was to follow.
        to: AuditStatus,
    },
    /// A word in the database that this program does not know.
    #[error("`{1}` is no {0}")]
    UnknownWord(&'static str, String),
    /// A list in the database that cannot be read as a list.
    #[error("a stored list cannot be read: {0}")]
    StoredList(#[from] serde_json::Error),
    /// The providers cannot be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An error of the native half's database.
    #[error(transparent)]
    Database(#[from] dbop::Error),
    /// An error of the sync half's database.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}
