//! The language model: a service that runs beside the example, and the client that asks it.
//!
//! The service is slow and fails now and then, as such services do, and needs no network but loopback.

mod client;
mod service;

use serde::{Deserialize, Serialize};

pub use client::ModelClient;
pub use service::{Arrival, Behaviour, Counts, Model};

/// What the model is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    pub report_type: String,
    pub regulatory_context: String,
}

/// An attribute of a report that the model proposes to test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub name: String,
    pub data_type: DataType,
    pub rationale: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum DataType {
    Amount,
    Date,
    Code,
    Text,
}

impl DataType {
    /// The word for the type, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Date => "date",
            Self::Code => "code",
            Self::Text => "text",
        }
    }
}

/// The answer of the model.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Answer {
    attributes: Vec<Proposal>,
}

/// The path of the one route that answers questions.
const ATTRIBUTES: &str = "/v1/attributes";

/// The header by which a repeated question is known.
const KEY: &str = "idempotency-key";
