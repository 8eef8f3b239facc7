//! [`ModelClient`]: asks the model, over HTTP.

use std::time::Duration;

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
    /// has answered before.
    ///
    /// # Errors
    ///
    /// Fails if the model cannot be reached, takes too long, or answers with anything but attributes.
    pub async fn propose(&self, question: &Question, key: &str) -> Result<Vec<Proposal>> {
        let ask = self.http.post(self.url(ATTRIBUTES));
        let answer = ask.header(KEY, key).json(question).send().await;
        let answer = answer.map_err(|error| unavailable(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(PlanningError::Model(format!("answers with {status}")));
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
    PlanningError::Model(why.to_owned())
}
