//! What goes wrong. What passes by itself is marked as transient, so a job that meets it runs again.

use std::time::Duration;

use dbop::DbError;

#[derive(Debug, thiserror::Error, DbError)]
pub enum PlanningError {
    /// The model is busy or away, or its answer cannot be read. The text says which.
    #[error("the model {why}")]
    #[db_error(category = transient)]
    Model {
        why: String,
        /// How long the model asks to be left alone.
        #[db_error(retry_after)]
        after: Option<Duration>,
    },
    /// The model will never answer this request.
    #[error("the model refuses the request with the status {0}")]
    #[db_error(status = 422)]
    Refused(u16),
    /// A page cannot be read now.
    #[error("the page {path} {why}")]
    #[db_error(category = transient)]
    Page { path: String, why: String },
    #[error("a cycle has from 1 to {0} reports")]
    #[db_error(status = 422)]
    Reports(i64),
    #[error("an attribute has from 1 to {0} samples")]
    #[db_error(status = 422)]
    Samples(i32),
    #[error("a crawl begins at a path such as `/pages/0`, and not at `{0}`")]
    #[db_error(status = 422)]
    NoPath(String),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

pub type Result<T, E = PlanningError> = std::result::Result<T, E>;
