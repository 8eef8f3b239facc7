//! The arguments and results of the functions of both halves.

use serde::Deserialize;

use crate::error::AuditError;
pub use crate::words::{AuditStatus, Provider, Severity};

/// An audit that is to be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The audit's row in `audits`.
    pub id: i64,
    /// The company that the audit is about; `None`: questions are asked about a default company.
    pub company_id: Option<i64>,
}

/// What the questions about a company are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyContext {
    /// The company's name.
    pub company: String,
    /// What its industry makes, in the plural.
    pub industry: String,
    /// The companies it competes with.
    pub competitors: Vec<String>,
    /// What it is good at.
    pub features: Vec<String>,
}

/// The columns of a company, in the order of `statements/company_context.sql`.
pub(crate) type CompanyRow = (String, Option<String>, String, String);

impl CompanyContext {
    /// The industry of a company that does not name its industry.
    pub const DEFAULT_INDUSTRY: &str = "technology products";

    pub(crate) fn from_row(row: CompanyRow) -> Result<Self, AuditError> {
        let (company, industry, competitors, features) = row;
        Ok(Self {
            company,
            industry: industry.unwrap_or_else(|| Self::DEFAULT_INDUSTRY.to_owned()),
            competitors: serde_json::from_str(&competitors)?,
            features: serde_json::from_str(&features)?,
        })
    }
}

impl Default for CompanyContext {
    fn default() -> Self {
        Self {
            company: "Unknown Company".to_owned(),
            industry: Self::DEFAULT_INDUSTRY.to_owned(),
            competitors: Vec::new(),
            features: Vec::new(),
        }
    }
}

/// A question of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// The text of the question.
    pub text: String,
    /// How many answers to it are stored.
    pub answers: i64,
}

/// What one model of one provider answered to one question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ProviderResponse {
    /// The provider that answered.
    pub provider: Provider,
    /// The model that answered.
    pub model_version: String,
    /// The answer; `None` if there was an error.
    pub response_text: Option<String>,
    /// How many milliseconds the answer took.
    pub response_time_ms: i64,
    /// How long the answer is, in the provider's own unit.
    pub tokens_used: i64,
    /// Whether the provider had the answer ready.
    pub cache_hit: bool,
    /// Why this model gave no answer; `None` if it gave one. The other models' answers to the
    /// question are stored in any case.
    pub error: Option<String>,
}

impl ProviderResponse {
    /// Returns the answer; `None` if there was an error.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.error {
            None => self.response_text.as_deref(),
            Some(_) => None,
        }
    }
}

/// A stored answer that has not been analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseToAnalyze {
    /// The answer's row in `audit_responses`.
    pub response_id: i64,
    /// The text of the answer.
    pub response_text: String,
}

/// What was found in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// The first mention of the company; `None` if there is no mention.
    pub mention: Option<Mention>,
    /// The competitors that the answer mentions, in the order of their mentions.
    pub competitors: Vec<String>,
}

impl Analysis {
    /// Returns the competitors in the form in which the database keeps them.
    pub(crate) fn competitors_json(&self) -> Result<String, AuditError> {
        Ok(serde_json::to_string(&self.competitors)?)
    }
}

/// Where an answer first mentions the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// How far into the text, per mille: 0 to 999.
    pub position: i64,
    /// 1 if the company is mentioned before all of its competitors, 2 if one is mentioned before
    /// it, and so on.
    pub rank: i64,
}

/// An analysis, and the answer to which it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyzedResponse {
    /// The answer's row in `audit_responses`.
    pub response_id: i64,
    /// What was found in the answer.
    pub analysis: Analysis,
}

/// Scores of a whole audit, of a provider, or of one of its models. Shares and positions are per
/// mille, rounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// The provider whose answers are scored; `None`: all providers.
    pub provider: Option<Provider>,
    /// The model whose answers are scored; `None`: all models.
    pub model_version: Option<String>,
    /// How many answers there are.
    pub answers: i64,
    /// How many of the answers mention the company.
    pub mentions: i64,
    /// The share of answers that mention the company.
    pub visibility: i64,
    /// Where the company is first mentioned, on average over the answers that mention it; `None` if
    /// no answer does.
    pub average_position: Option<i64>,
    /// The share of mentions that are competitors'. Each product counts once for each answer.
    pub competitor_share: i64,
}

/// The columns of a score, in the order of its fields.
pub(crate) type ScoreRow = (
    Option<String>,
    Option<String>,
    i64,
    i64,
    i64,
    Option<i64>,
    i64,
);

impl Score {
    pub(crate) fn from_row(row: ScoreRow) -> Result<Self, AuditError> {
        let (provider, model_version, answers, mentions, visibility, average_position, share) = row;
        Ok(Self {
            provider: provider.map(|word| word.parse()).transpose()?,
            model_version,
            answers,
            mentions,
            visibility,
            average_position,
            competitor_share: share,
        })
    }

    /// Returns whose score this is, in one word.
    #[must_use]
    pub fn name(&self) -> &str {
        match (&self.model_version, self.provider) {
            (Some(version), _) => version,
            (None, Some(provider)) => provider.as_str(),
            (None, None) => "overall",
        }
    }
}

/// A sentence about the scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insight {
    /// How much the sentence matters.
    pub severity: Severity,
    /// The text of the sentence.
    pub text: String,
}

/// What was written when an audit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalAudit {
    /// How many answers were added to `final_responses`.
    pub migrated: u64,
    /// The scores, the overall one first.
    pub scores: Vec<Score>,
    /// The sentences about the scores.
    pub insights: Vec<Insight>,
}
