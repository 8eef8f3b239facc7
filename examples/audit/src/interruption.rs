//! Somebody who cancels an audit while it is being processed.

use std::sync::atomic::{AtomicUsize, Ordering};

use audit::client::{Client, ClientError, Recorded};
use audit::half::Half;
use audit::model::{AuditStatus, ProviderResponse};

/// Answers as recorded. While it answers the last of a given number of questions, the audit is
/// cancelled.
pub(crate) struct Interrupted<'a> {
    client: &'a Recorded,
    half: &'a Half,
    audit_id: i64,
    questions_left: AtomicUsize,
}

impl<'a> Interrupted<'a> {
    pub(crate) fn new(client: &'a Recorded, half: &'a Half, audit_id: i64, after: usize) -> Self {
        Self {
            client,
            half,
            audit_id,
            questions_left: AtomicUsize::new(after),
        }
    }
}

impl Client for Interrupted<'_> {
    async fn answers(&self, query: &str) -> Result<Vec<ProviderResponse>, ClientError> {
        if self.questions_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let cancelled = AuditStatus::Cancelled;
            let cancel = self
                .half
                .update_audit_status(self.audit_id, cancelled, None);
            cancel
                .await
                .map_err(|error| ClientError::Unreachable(error.to_string()))?;
        }
        self.client.answers(query).await
    }
}
