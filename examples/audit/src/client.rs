//! [`Client`]: who answers the questions, and the recorded answers of this example.

use std::collections::HashMap;
use std::future::Future;

use crate::model::ProviderResponse;

/// Asks every model of every provider. A real application calls HTTP APIs here, which takes
/// seconds. The processor waits for them while no transaction is open.
pub trait Client {
    /// Returns the answers to one question. A model that gives no answer has `error` set in its
    /// response.
    ///
    /// # Errors
    ///
    /// If no answers can be had at all.
    fn answers(
        &self,
        query: &str,
    ) -> impl Future<Output = Result<Vec<ProviderResponse>, ClientError>> + Send;
}

/// The providers cannot be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The answers are not there.
    #[error("no answers to `{0}` are recorded")]
    NotRecorded(String),
    /// The file of answers cannot be read.
    #[error("line {line} of the recorded answers: {reason}")]
    Recording {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers the questions.
    #[error("the providers cannot be reached: {0}")]
    Unreachable(String),
}

/// Answers from `data/responses.jsonl`; see `data/README.md`.
#[derive(Clone, Debug)]
pub struct Recorded {
    answers: HashMap<String, Vec<ProviderResponse>>,
}

#[derive(serde::Deserialize)]
struct Line {
    query: String,
    #[serde(flatten)]
    response: ProviderResponse,
}

impl Recorded {
    /// Reads the recorded answers, which are part of the program.
    ///
    /// # Errors
    ///
    /// If a line is not a response.
    pub fn load() -> Result<Self, ClientError> {
        Self::parse(include_str!("../data/responses.jsonl"))
    }

    fn parse(lines: &str) -> Result<Self, ClientError> {
        let mut answers: HashMap<String, Vec<ProviderResponse>> = HashMap::new();
        for (index, line) in lines.lines().enumerate() {
            let Line { query, response } =
                serde_json::from_str(line).map_err(|error| ClientError::Recording {
                    line: index + 1,
                    reason: error.to_string(),
                })?;
            answers.entry(query).or_default().push(response);
        }
        Ok(Self { answers })
    }
}

impl Client for Recorded {
    async fn answers(&self, query: &str) -> Result<Vec<ProviderResponse>, ClientError> {
        let answers = self.answers.get(query).cloned();
        answers.ok_or_else(|| ClientError::NotRecorded(query.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_response_is_named() {
        let error = Recorded::parse("{}").unwrap_err().to_string();
        assert!(
            error.starts_with("line 1 of the recorded answers: "),
            "{error}"
        );
    }

    #[test]
    fn forty_five_questions_have_eight_answers_each_and_ten_models_failed() {
        let recorded = Recorded::load().unwrap();
        assert_eq!(recorded.answers.len(), 45);
        let responses = || recorded.answers.values().flatten();
        assert_eq!(
            responses()
                .filter(|response| response.text().is_some())
                .count(),
            360
        );
        assert_eq!(
            responses()
                .filter(|response| response.error.is_some())
                .count(),
            10
        );
    }
}
