//! A service that answers as its script says, and the error of its calls.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use dbop::{DbError, Error, ErrorKind, Outcome};

/// What the service does with one request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Says(u32),
    /// The request is refused for what it asks.
    Declines,
    /// The service cannot be reached.
    Fails,
    /// The service asks to be left alone for this long.
    Busy(Duration),
    /// The service never answers.
    Hangs,
    /// The service answers after this time.
    Takes(Duration),
}

#[derive(Debug, thiserror::Error, DbError)]
pub(super) enum ServiceError {
    #[error("the service declines")]
    Declined,
    #[error("the service cannot be reached")]
    #[db_error(category = transient)]
    Unreachable,
    #[error("the service is busy")]
    #[db_error(category = transient)]
    Busy {
        #[db_error(retry_after)]
        after: Duration,
    },
    #[error(transparent)]
    Call(#[from] dbop::Error),
}

impl ServiceError {
    /// Returns the error of dbop's that the call has failed with.
    #[track_caller]
    pub(super) fn call(self) -> Error {
        match self {
            Self::Call(error) => error,
            other => panic!("this is an error of the service: {other}"),
        }
    }

    #[track_caller]
    pub(super) fn kind(self) -> ErrorKind {
        self.call().kind()
    }

    #[track_caller]
    pub(super) fn outcome(self) -> Option<Outcome> {
        self.call().outcome()
    }
}

#[derive(Debug, Default)]
pub(super) struct Stub {
    script: Mutex<VecDeque<Answer>>,
    asked: AtomicU32,
}

impl Stub {
    /// A service that answers like this, and after the last answer says 0.
    pub(super) fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            script: Mutex::new(script.into_iter().collect()),
            asked: AtomicU32::new(0),
        }
    }

    pub(super) async fn ask(&self) -> Result<u32, ServiceError> {
        self.asked.fetch_add(1, Relaxed);
        let answer = self.script.lock().unwrap().pop_front();
        match answer.unwrap_or(Answer::Says(0)) {
            Answer::Says(number) => Ok(number),
            Answer::Declines => Err(ServiceError::Declined),
            Answer::Fails => Err(ServiceError::Unreachable),
            Answer::Busy(after) => Err(ServiceError::Busy { after }),
            Answer::Hangs => pending().await,
            Answer::Takes(time) => {
                tokio::time::sleep(time).await;
                Ok(0)
            }
        }
    }

    /// How many requests have arrived.
    pub(super) fn asked(&self) -> u32 {
        self.asked.load(Relaxed)
    }
}

/// Returns the state of the breaker with this name.
#[track_caller]
pub(super) fn state_of(breaker: &str) -> &'static str {
    let all = dbop::breakers();
    let ours = all.iter().find(|info| info.name == breaker);
    ours.expect("a call has used it").state
}
