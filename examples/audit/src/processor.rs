//! The processor: takes an audit from its questions to its scores, with either half.
//!
//! It reads, then asks the providers or analyses, and then writes. Whatever takes long happens
//! while no transaction is open.

use crate::analysis::analyze;
use crate::client::Client;
use crate::error::AuditError;
use crate::half::Half;
use crate::model::{AnalyzedResponse, Audit, AuditQuery, AuditStatus, CompanyContext, FinalAudit};
use crate::progress::Progress;

/// The way in which analyses are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approach {
    /// Approach A: each analysis in a transaction of its own.
    OneByOne,
    /// Approach B: all analyses in one transaction.
    Batch,
}

/// How the processing of an audit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The audit is completed.
    Completed(FinalAudit),
    /// Somebody has cancelled the audit. What was stored stays, and [`Processor::run`] goes on from
    /// there.
    Cancelled,
}

/// Processes audits.
#[derive(Clone, Copy, Debug)]
pub struct Processor<'a, C, P> {
    /// The database functions.
    pub half: &'a Half,
    /// The client that answers the questions.
    pub client: &'a C,
    /// The listener that is told how far the audit is.
    pub progress: &'a P,
    /// How analyses are stored.
    pub approach: Approach,
}

impl<C: Client, P: Progress> Processor<'_, C, P> {
    /// Does what is missing of an audit: everything for a new audit, the rest for a cancelled or
    /// failed one.
    ///
    /// # Errors
    ///
    /// If the audit is completed, being processed, or not there. Any other error leaves the audit
    /// `failed`, with the error as its message and with what was stored until then.
    pub async fn run(&self, audit: Audit) -> Result<Ended, AuditError> {
        let status = AuditStatus::Processing;
        self.half
            .update_audit_status(audit.id, status, None)
            .await?;
        match self.process(audit).await {
            // The audit was cancelled after the processor last looked.
            Err(AuditError::ForbiddenTransition {
                from: AuditStatus::Cancelled,
                ..
            }) => Ok(Ended::Cancelled),
            Err(error) => {
                let message = error.to_string();
                let status = AuditStatus::Failed;
                // The caller gets this error even if it cannot be written down.
                let _ = self
                    .half
                    .update_audit_status(audit.id, status, Some(&message))
                    .await;
                Err(error)
            }
            ended => ended,
        }
    }

    async fn process(&self, audit: Audit) -> Result<Ended, AuditError> {
        let context = self.half.company_context(audit.company_id).await?;
        let queries = self.half.generate_queries(audit.id, &context).await?;
        let asked = self.execute_queries(audit.id, &queries).await;
        self.progress.ends();
        asked?;
        if self.half.is_audit_cancelled(audit.id).await? {
            return Ok(Ended::Cancelled);
        }
        self.analyze_responses(audit.id, &context).await?;
        Ok(Ended::Completed(self.half.finalize_audit(audit.id).await?))
    }

    /// Asks the questions that have no answers yet, until all have answers or somebody cancels the
    /// audit.
    async fn execute_queries(
        &self,
        audit_id: i64,
        queries: &[AuditQuery],
    ) -> Result<(), AuditError> {
        let missing: Vec<&AuditQuery> = queries.iter().filter(|query| query.answers == 0).collect();
        let answered = queries.len() - missing.len();
        self.progress.begins(answered as u64, queries.len() as u64);
        for query in missing {
            if self.half.is_audit_cancelled(audit_id).await? {
                break;
            }
            let responses = self.client.answers(&query.text).await?;
            self.half
                .store_query_responses(audit_id, &query.text, &responses)
                .await?;
            self.progress.answered();
        }
        Ok(())
    }

    async fn analyze_responses(
        &self,
        audit_id: i64,
        context: &CompanyContext,
    ) -> Result<(), AuditError> {
        let responses = self.half.responses_to_analyze(audit_id).await?;
        let analyses: Vec<AnalyzedResponse> = responses
            .iter()
            .map(|response| AnalyzedResponse {
                response_id: response.response_id,
                analysis: analyze(&response.response_text, context),
            })
            .collect();
        match self.approach {
            Approach::OneByOne => {
                for AnalyzedResponse {
                    response_id,
                    analysis,
                } in &analyses
                {
                    self.half
                        .store_analysis_result(*response_id, analysis)
                        .await?;
                }
                Ok(())
            }
            Approach::Batch => self.half.store_all_analyses(&analyses).await,
        }
    }
}
