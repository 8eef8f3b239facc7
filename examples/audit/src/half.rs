//! [`Half`]: the functions of both halves, under one name each.
//!
//! The example has each of its database functions twice. The *sync* half has them over rusqlite: they
//! block their thread, as in the program from which they come, and dbop runs them on tokio's
//! blocking pool. The *native* half has them over sqlx: they were rewritten as async functions, which
//! never block a thread.

use std::fmt;

use dbop::{BlockingDb, Db};
use r2d2_sqlite::SqliteConnectionManager;
use sqlx::Sqlite;

use crate::error::AuditError;
use crate::model::{
    Analysis, AnalyzedResponse, AuditQuery, AuditStatus, CompanyContext, FinalAudit, Insight,
    ProviderResponse, ResponseToAnalyze, Score,
};
use crate::{native, sync};

/// The functions that process an audit, and the database on which they do so. An application has
/// one of the two halves, and calls its functions directly.
#[derive(Clone, Debug)]
pub enum Half {
    /// The async functions over sqlx, which were rewritten.
    Native(Db<Sqlite>),
    /// The blocking functions over rusqlite, which were kept.
    Sync(BlockingDb<SqliteConnectionManager>),
}

impl Half {
    /// Returns what the functions of this half are, for somebody who reads its name.
    #[must_use]
    pub fn about(&self) -> &'static str {
        match self {
            Self::Native(_) => "async functions over sqlx, rewritten",
            Self::Sync(_) => "blocking functions over rusqlite, kept as they were",
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native(_) => "native",
            Self::Sync(_) => "sync",
        })
    }
}

macro_rules! on_either {
    ($($(#[$about:meta])* fn $function:ident($($argument:ident: $Type:ty),*) -> $Output:ty;)*) => {
        impl Half {
            $(
                $(#[$about])*
                ///
                /// # Errors
                ///
                /// Those of the function of the same name in [`native`].
                pub async fn $function(
                    &self,
                    $($argument: $Type),*
                ) -> Result<$Output, AuditError> {
                    match self {
                        Self::Native(db) => native::$function(db, $($argument),*).await,
                        Self::Sync(db) => sync::$function(db, $($argument),*).await,
                    }
                }
            )*
        }
    };
}

on_either! {
    /// Returns whether somebody has cancelled the audit.
    fn is_audit_cancelled(audit_id: i64) -> bool;
    /// Gives the audit another status.
    fn update_audit_status(audit_id: i64, status: AuditStatus, error_message: Option<&str>) -> ();
    /// Returns what the questions about a company are made from.
    fn company_context(company_id: Option<i64>) -> CompanyContext;
    /// Returns the questions of the audit.
    fn generate_queries(audit_id: i64, context: &CompanyContext) -> Vec<AuditQuery>;
    /// Stores the answers to one question.
    fn store_query_responses(
        audit_id: i64,
        query_text: &str,
        responses: &[ProviderResponse]
    ) -> u64;
    /// Returns the answers that have no analysis.
    fn responses_to_analyze(audit_id: i64) -> Vec<ResponseToAnalyze>;
    /// Approach A: stores one analysis.
    fn store_analysis_result(response_id: i64, analysis: &Analysis) -> ();
    /// Approach B: stores all analyses.
    fn store_all_analyses(analyses: &[AnalyzedResponse]) -> ();
    /// Returns the stored scores.
    fn scores(audit_id: i64) -> Vec<Score>;
    /// Scores the analysed answers.
    fn calculate_scores(audit_id: i64) -> Vec<Score>;
    /// Stores sentences about what the scores mean.
    fn generate_insights(audit_id: i64) -> Vec<Insight>;
    /// Copies the answers to where other programs read them.
    fn migrate_to_final_responses(audit_id: i64) -> u64;
    /// Ends the audit.
    fn finalize_audit(audit_id: i64) -> FinalAudit;
}
