//! [`Model`]: the service. What it does to a question depends on its seed, on the key of the question and
//! on how often that key has arrived, so a run can be repeated.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{ATTRIBUTES, Answer, DataType, KEY, Proposal, Question};

/// How the model treats its callers.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// How long an answer takes.
    pub delay: Duration,
    /// The share of the questions that are not answered as they should be, from 0 to 1.
    pub failing: f64,
    /// Chooses which questions those are, and what the answers say.
    pub seed: u64,
}

/// A question that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub key: String,
    /// Whether this key had been answered before.
    pub repeated: bool,
}

/// What the model has done since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The questions that have arrived.
    pub calls: usize,
    /// The questions whose key had been answered before. They are answered again from memory.
    pub repeated: usize,
    /// The different keys that were answered.
    pub answered: usize,
    /// The questions that were answered with 503 or 429, with half an answer, or not at all.
    pub failed: usize,
    /// The questions that wait for their answers now.
    pub waiting: usize,
}

/// The service. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct Model {
    behaviour: Behaviour,
    memory: Arc<Mutex<Memory>>,
    is_held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Memory {
    arrivals: Vec<Arrival>,
    /// How often each key has arrived.
    times: HashMap<String, u32>,
    answers: HashMap<String, Answer>,
    failed: usize,
    waiting: usize,
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    Unavailable,
    TooMany,
    Broken,
    Hanging,
}

/// How much longer than an answer a question hangs that gets none.
const HANGS: u32 = 60;

impl Model {
    #[must_use]
    pub fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            memory: Arc::default(),
            is_held: watch::Sender::new(false),
        }
    }

    pub fn into_router(self) -> Router {
        Router::new()
            .route(ATTRIBUTES, post(answer))
            .route("/calls", get(calls))
            .with_state(self)
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        let memory = self.memory();
        Counts {
            calls: memory.arrivals.len(),
            repeated: memory.arrivals.iter().filter(|it| it.repeated).count(),
            answered: memory.answers.len(),
            failed: memory.failed,
            waiting: memory.waiting,
        }
    }

    /// Returns the questions that have arrived after the first `seen`, in their order.
    #[must_use]
    pub fn arrivals_after(&self, seen: usize) -> Vec<Arrival> {
        let memory = self.memory();
        memory.arrivals.get(seen..).unwrap_or_default().to_vec()
    }

    /// Lets no question be answered until answers are let go again.
    pub fn hold_answers(&self, held: bool) {
        self.is_held.send_replace(held);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a question. Returns the answer that was given before, or what becomes of the question.
    fn note(&self, key: &str) -> Result<Answer, Fate> {
        let mut memory = self.memory();
        let known = memory.answers.get(key).cloned();
        memory.arrivals.push(Arrival {
            key: key.to_owned(),
            repeated: known.is_some(),
        });
        let times = memory.times.entry(key.to_owned()).or_default();
        *times += 1;
        let fate = self.behaviour.fate(key, *times);
        known.ok_or(fate)
    }

    fn failed(&self) {
        self.memory().failed += 1;
    }
}

impl Behaviour {
    fn fate(&self, key: &str, times: u32) -> Fate {
        let mut random = self.random((key, times));
        if random.f64() >= self.failing {
            return Fate::Answered;
        }
        let fates = [
            Fate::Unavailable,
            Fate::TooMany,
            Fate::Broken,
            Fate::Hanging,
        ];
        fates[random.usize(..fates.len())]
    }

    fn random(&self, of: impl Hash) -> fastrand::Rng {
        let mut hasher = DefaultHasher::new();
        (self.seed, of).hash(&mut hasher);
        fastrand::Rng::with_seed(hasher.finish())
    }

    /// Makes up from six to ten attributes.
    fn think(&self, question: &Question) -> Answer {
        const WHAT: [(&str, DataType); 6] = [
            ("outstanding balance", DataType::Amount),
            ("maturity date", DataType::Date),
            ("counterparty code", DataType::Code),
            ("collateral value", DataType::Amount),
            ("origination date", DataType::Date),
            ("purpose", DataType::Text),
        ];
        const OF: [&str; 5] = ["loan", "facility", "exposure", "position", "guarantee"];
        let mut random = self.random((&question.report_type, &question.regulatory_context));
        let mut attributes = Vec::new();
        for _ in 0..random.usize(6..=10) {
            let (what, data_type) = WHAT[random.usize(..WHAT.len())];
            let of = OF[random.usize(..OF.len())];
            attributes.push(Proposal {
                name: format!("{what} of the {of}"),
                data_type,
                rationale: format!(
                    "{} asks for it, and {} reports are often wrong here.",
                    question.regulatory_context, question.report_type
                ),
            });
        }
        Answer { attributes }
    }
}

/// Counts a question for as long as its caller waits for it.
struct Waiting(Model);

impl Waiting {
    fn begin(model: &Model) -> Self {
        let mut memory = model.memory();
        memory.waiting += 1;
        Self(model.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.memory().waiting -= 1;
    }
}

async fn answer(
    State(model): State<Model>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> Response {
    let Some(key) = headers.get(KEY).and_then(|key| key.to_str().ok()) else {
        return (
            StatusCode::BAD_REQUEST,
            "the header Idempotency-Key is missing",
        )
            .into_response();
    };
    let fate = match model.note(key) {
        Ok(answer) => return Json(answer).into_response(),
        Err(fate) => fate,
    };
    let _waiting = Waiting::begin(&model);
    let delay = model.behaviour.delay;
    match fate {
        Fate::Answered => {
            sleep(delay).await;
            // An error says that the model is gone, which the caller's own clone keeps alive.
            let _ = model.is_held.subscribe().wait_for(|held| !held).await;
            let answer = model.behaviour.think(&question);
            let mut memory = model.memory();
            memory.answers.insert(key.to_owned(), answer.clone());
            Json(answer).into_response()
        }
        Fate::Unavailable => {
            model.failed();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Fate::TooMany => {
            model.failed();
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response()
        }
        Fate::Broken => {
            model.failed();
            sleep(delay).await;
            let json = [("content-type", "application/json")];
            (json, r#"{"attributes":[{"name":"outstan"#).into_response()
        }
        Fate::Hanging => {
            model.failed();
            sleep(delay * HANGS).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

async fn calls(State(model): State<Model>) -> Json<Counts> {
    Json(model.counts())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEHAVIOUR: Behaviour = Behaviour {
        delay: Duration::ZERO,
        failing: 0.3,
        seed: 7,
    };

    #[test]
    fn the_same_seed_fails_the_same_questions_and_gives_the_same_answers() {
        let fates = |seed| {
            let behaviour = Behaviour { seed, ..BEHAVIOUR };
            let fate = move |n: u32| behaviour.fate(&format!("key {}", n / 3), n % 3);
            (0..1_000).map(fate).collect::<Vec<_>>()
        };
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
        let failed = fates(7).iter().filter(|it| **it != Fate::Answered).count();
        assert!((200..400).contains(&failed), "{failed} of 1000");
        let question = Question {
            report_type: "credit".to_owned(),
            regulatory_context: "a rule".to_owned(),
        };
        let [first, second] = [0, 1].map(|_| BEHAVIOUR.think(&question).attributes);
        assert_eq!(first, second);
        assert!((6..=10).contains(&first.len()));
    }

    #[test]
    fn a_question_whose_key_was_answered_is_counted_as_repeated() {
        let model = Model::new(Behaviour {
            failing: 0.0,
            ..BEHAVIOUR
        });
        assert_eq!(model.note("a").unwrap_err(), Fate::Answered);
        assert_eq!(model.note("a").unwrap_err(), Fate::Answered);
        let answer = Answer {
            attributes: Vec::new(),
        };
        model.memory().answers.insert("a".to_owned(), answer);
        assert!(model.note("a").is_ok());
        let counts = model.counts();
        assert_eq!((counts.calls, counts.repeated, counts.answered), (3, 1, 1));
        assert_eq!(model.arrivals_after(1).len(), 2);
    }
}
