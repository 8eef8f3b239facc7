//! Words of which a column has one. `type_name = "TEXT"` stores the word as text; without this,
//! PostgreSQL looks for a type of that name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far an interview session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type, Serialize, Deserialize)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum State {
    Planned,
    Running,
    Finished,
    Cancelled,
}

impl State {
    /// Whether a session in this state may go on to the next one.
    pub fn leads_to(self, next: Self) -> bool {
        use State::{Cancelled, Finished, Planned, Running};
        matches!(
            (self, next),
            (Planned, Running | Cancelled) | (Running, Finished | Cancelled)
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        })
    }
}

/// Who has written a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type, Serialize, Deserialize)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Author {
    User,
    Assistant,
    System,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type, Serialize, Deserialize)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warning,
    Error,
}
