//! What the tables and the requests are made of. A value that exists is valid: whatever comes from
//! outside becomes one of these types, or the request is refused.

mod ids;
mod numbers;
mod texts;
mod words;

use chrono::{DateTime, SubsecRound, Utc};

pub use ids::{ConversationId, LogId, MessageId, PaymentId, QuestionId, SessionId, UserId};
pub use numbers::{Cents, Count, Difficulty, Limit, Position, Price, Score};
pub use texts::{CategorySlug, Email, Line, RoleSlug, Text};
pub use words::{Author, Level, State};

pub type Time = DateTime<Utc>;

/// Returns the time as both databases store it: PostgreSQL keeps microseconds.
pub fn now() -> Time {
    Utc::now().trunc_subsecs(6)
}
