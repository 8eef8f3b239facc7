//! The service `examples/interviews` on a database of a test's own, and clients that do not give up.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dbop::{AnyDb, AnyDbBuilder};
use dbop_tests::http::{Answer, Service};
use interviews::bank::{self, Bank};
use interviews::http::{Service as Interviews, Token};
use interviews::reviewer::Wake;
use serde_json::{Value, json};
use tokio::time::sleep;

/// The service, and how often it has answered with which status.
pub(crate) struct Site {
    pub(crate) service: Service,
    pub(crate) db: AnyDb,
    statuses: Mutex<BTreeMap<u16, usize>>,
}

/// A request is repeated until it has another answer than 503, at most for so long.
const PATIENCE: Duration = Duration::from_secs(60);

impl Site {
    /// Starts the service on an empty database, with the questions that it comes with.
    pub(crate) async fn open(builder: AnyDbBuilder) -> Self {
        let db = builder.connect().await.expect("the test's database");
        let migrated = db.migrate(&interviews::MIGRATIONS).await;
        migrated.expect("migrations that fit");
        let bank = Bank::included().expect("a bank that can be read");
        bank::fill(&db, &bank).await.expect("an empty database");
        let interviews = Interviews {
            db: db.clone(),
            reviewer: Wake::default(),
            token: Token::new("a token of the tests").expect("a long token"),
            prometheus: None,
        };
        Self {
            service: Service::start(interviews.into_router()).await,
            db,
            statuses: Mutex::default(),
        }
    }

    fn statuses(&self) -> std::sync::MutexGuard<'_, BTreeMap<u16, usize>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a client was answered with this status.
    pub(crate) fn count(&self, status: u16) -> usize {
        self.statuses().get(&status).copied().unwrap_or(0)
    }

    /// Counts an answer. Clients are told nothing but that all is well, or when to come back.
    pub(crate) fn note(&self, answer: &Answer) {
        *self.statuses().entry(answer.status).or_default() += 1;
        match answer.status {
            200 | 201 => {}
            503 => assert!(answer.header("retry-after").is_some(), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }

    /// Posts this with a key, again and again until there is an answer that is no 503.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Value {
        let (begun, body) = (Instant::now(), body.to_string());
        let quoted = format!("\"{key}\"");
        loop {
            let headers = [("idempotency-key", &*quoted)];
            let answer = self.service.post(path, &headers, &body).await;
            self.note(&answer);
            if answer.status != 503 {
                return serde_json::from_str(&answer.body).expect("JSON");
            }
            assert!(begun.elapsed() < PATIENCE, "503 for too long: {answer:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Reads this, again and again until there is an answer that is no 503.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.service.ask(&format!("GET {path}")).await;
            self.note(&answer);
            if answer.status != 503 {
                return serde_json::from_str(&answer.body).expect("JSON");
            }
            assert!(begun.elapsed() < PATIENCE, "503 for too long: {answer:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Reads all pages of this.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut next = Some(format!("{path}?limit=100"));
        let mut all = Vec::new();
        while let Some(path) = next {
            let mut page = self.get(&path).await;
            let items = page["items"].take();
            all.extend(items.as_array().expect("items").iter().cloned());
            next = page["next"].as_str().map(str::to_owned);
        }
        all
    }

    /// Adds a user.
    pub(crate) async fn user(&self, name: &str) -> String {
        let user = json!({"name": name, "email": format!("{name}@example.org")});
        id(&self.post("/users", name, &user).await)
    }

    /// Adds a user and a conversation of that user, and returns the path of its messages.
    pub(crate) async fn conversation(&self, name: &str) -> String {
        let user = self.user(name).await;
        let new = json!({"user": user, "title": "An offer", "model": "a person"});
        let conversation = self.post("/conversations", name, &new).await;
        format!("/conversations/{}/messages", id(&conversation))
    }

    /// Posts a message until it is acknowledged.
    pub(crate) async fn say(&self, messages: &str, words: &str) {
        let message = json!({"author": "user", "body": words});
        let said = self.post(messages, words, &message).await;
        assert_eq!(said["body"], words);
    }

    /// What is said at this path, in alphabetical order.
    pub(crate) async fn said(&self, messages: &str) -> Vec<String> {
        let all = self.all(messages).await;
        let words = all.iter().map(|message| message["body"].as_str());
        let mut words: Vec<_> = words.map(|body| body.expect("a body").to_owned()).collect();
        words.sort();
        words
    }
}

pub(crate) fn id(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}
