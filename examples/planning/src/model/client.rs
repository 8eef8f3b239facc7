//! [`ModelClient`]: asks the model, over HTTP.

use std::time::Duration;

use dbop::guarded;
use reqwest::header::RETRY_AFTER;
use reqwest::{StatusCode, Url};

use super::{ATTRIBUTES, Answer, Counts, KEY, Proposal, Question};
use crate::error::{PlanningError, Result};

/// A client of the model. Clones share its connections.
#[derive(Clone, Debug)]
pub struct ModelClient {
    http: reqwest::Client,
    model: Url,
}

impl ModelClient {
    /// Returns a client of the model at this URL, which gives up on an answer after this time.
    ///
    /// # Panics
    ///
    /// Panics if the system has no secure random numbers.
    #[must_use]
    pub fn new(model: Url, patience: Duration) -> Self {
        let http = reqwest::Client::builder().timeout(patience).no_proxy();
        let http = http.build().expect("a client without TLS");
        Self { http, model }
    }

    /// Asks for the attributes that are to be tested. The model answers a question again whose `key` it
    /// has answered before, so a question may be asked again after an outage. While the model is away, its
    /// circuit breaker refuses questions at once: a job then waits without using up an attempt.
    ///
    /// # Errors
    ///
    /// Fails if the model cannot be reached, takes too long, or answers with anything but attributes.
    #[guarded(
        breaker = "llm",
        timeout = "30s",
        retry(attempts = 4),
        max_concurrency = 256,
        name = "model.propose"
    )]
    pub async fn propose(&self, question: &Question, key: &str) -> Result<Vec<Proposal>> {
        let ask = self.http.post(self.url(ATTRIBUTES));
        let answer = ask.header(KEY, key).json(question).send().await;
        let answer = answer.map_err(|error| unavailable(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                let after = answer.headers().get(RETRY_AFTER);
                let after = after.and_then(|it| it.to_str().ok()?.parse().ok());
                return Err(PlanningError::Model {
                    why: format!("answers with {status}"),
                    after: after.map(Duration::from_secs),
                });
            }
            status => return Err(PlanningError::Refused(status.as_u16())),
        }
        let answer = answer.json().await.map_err(|error| unavailable(&error))?;
        let Answer { attributes } = answer;
        Ok(attributes)
    }

    /// Asks how many questions the model was asked.
    ///
    /// # Errors
    ///
    /// Fails if the model cannot be reached.
    pub async fn counts(&self) -> Result<Counts> {
        let answer = self.http.get(self.url("/calls")).send().await;
        let answer = answer.map_err(|error| unavailable(&error))?;
        answer.json().await.map_err(|error| unavailable(&error))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.model.clone();
        url.set_path(path);
        url
    }
}

/// Says in words for people why there is no answer. The URL is left out: it may hold a password.
fn unavailable(error: &reqwest::Error) -> PlanningError {
    let why = if error.is_timeout() {
        "takes too long"
    } else if error.is_connect() {
        "cannot be reached"
    } else if error.is_decode() || error.is_body() {
        "gives an answer that cannot be read"
    } else {
        "breaks the connection off"
    };
    PlanningError::Model {
        why: why.to_owned(),
        after: None,
    }
}
