//! [`Outcome`]: what is known about the effect of a call, and [`Effect`], the same of one attempt.

use std::fmt;

/// What is known about the effect of a call once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing of it is in the database.
    RolledBack,
    /// All of it is in the database.
    Committed,
    /// The answer was lost, or part of it was applied: look before doing it again.
    Unknown,
}

impl Outcome {
    /// The name used in spans and tables: `rolled_back`, `committed`, `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled_back",
            Self::Committed => "committed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the failed attempt is known to have left nothing behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing of it can be in the database.
    None,
    /// Some of it may be.
    Possible,
}

impl Effect {
    pub(crate) const fn outcome(self) -> Outcome {
        match self {
            Self::None => Outcome::RolledBack,
            Self::Possible => Outcome::Unknown,
        }
    }
}
