//! What goes wrong. Clients are shown the text of a variant that has a status. What the database
//! says becomes a status by its category: 404 for a row that is not there, 409 for one that exists
//! already, 503 for a database that is away.

use dbop::{DbError, ErrorKind};

use crate::values::{Cents, Price, RoleSlug, State};

#[derive(Debug, thiserror::Error, DbError)]
pub enum InterviewError {
    #[error("there is no such {0}")]
    #[db_error(status = 422)]
    Unknown(&'static str),
    #[error("at most {0} can be added at once")]
    #[db_error(status = 422)]
    TooMany(usize),
    #[error("this session has no such question")]
    #[db_error(status = 404)]
    NoSuchQuestion,
    #[error("only {there} questions for {role} fit, and {wanted} were asked for")]
    #[db_error(status = 422)]
    TooFewQuestions {
        role: RoleSlug,
        wanted: usize,
        there: usize,
    },
    #[error("each question must be given once, and be one for {0} that is not retired")]
    #[db_error(status = 422)]
    UnfitQuestions(RoleSlug),
    #[error("the session is {is}, so it cannot be {next}")]
    #[db_error(status = 409)]
    WrongState { is: State, next: State },
    #[error("answers are given while a session is running")]
    #[db_error(status = 409)]
    NotRunning,
    #[error("the session costs {} cents, and is not paid", .0.get())]
    #[db_error(status = 402)]
    Unpaid(Price),
    #[error("the session costs {} cents, and {} were offered", .costs.get(), .offered.get())]
    #[db_error(status = 422)]
    WrongAmount { costs: Price, offered: Cents },
    #[error("the session was cancelled, so there is nothing to pay")]
    #[db_error(status = 409)]
    Cancelled,
    #[error("the session is paid already")]
    #[db_error(status = 409)]
    AlreadyPaid,
    #[error("a question that was asked can be retired, and not removed")]
    #[db_error(status = 409)]
    WasAsked,
    #[error("what was paid for cannot be removed")]
    #[db_error(status = 409)]
    WasPaid,
    #[error("the conversation is archived")]
    #[db_error(status = 409)]
    Archived,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

pub type Result<T, E = InterviewError> = std::result::Result<T, E>;

/// Says what an error of the database means to the application.
pub trait Means<T> {
    /// Turns an error of this kind into `meaning`. Other errors stay as they are.
    fn means(self, kind: ErrorKind, meaning: InterviewError) -> Result<T>;
}

impl<T> Means<T> for sqlx::Result<T> {
    fn means(self, kind: ErrorKind, meaning: InterviewError) -> Result<T> {
        self.map_err(|error| {
            let error = dbop::Error::from(error);
            if error.kind() == kind {
                meaning
            } else {
                error.into()
            }
        })
    }
}
