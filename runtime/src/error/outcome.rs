//! [`Outcome`]: what is known about the effect of a call, and [`Effect`], about that of an attempt.

use std::fmt;

/// What is known about the effect of a call once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing that the call did is in the database.
    RolledBack,
    /// All that the call did is in the database.
    Committed,
    /// The answer was lost, or only a part of what the call did was applied. Check the database
    /// before you repeat the call.
    Unknown,
}

impl Outcome {
    /// Returns the name used in spans and tables: `rolled_back`, `committed` or `unknown`.
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

/// Whether a failed attempt may have left anything in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing that the attempt did can be in the database.
    None,
    /// Some of what the attempt did may be in the database.
    Possible,
}

impl Effect {
    /// Returns the effect of an attempt with this outcome.
    pub(crate) const fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::RolledBack => Self::None,
            Outcome::Committed | Outcome::Unknown => Self::Possible,
        }
    }

    pub(crate) const fn outcome(self) -> Outcome {
        match self {
            Self::None => Outcome::RolledBack,
            Self::Possible => Outcome::Unknown,
        }
    }
}
