//! Values that the database keeps as words.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::error::AuditError;

/// An enum whose values the database keeps as words, in columns with a CHECK constraint.
macro_rules! words {
    (
        $(#[$attribute:meta])*
        $Type:ident { $($(#[$about:meta])* $Value:ident = $word:literal,)+ }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $Type {
            $($(#[$about])* $Value,)+
        }

        impl $Type {
            /// All values, in their order.
            pub const ALL: &[Self] = &[$(Self::$Value),+];

            /// Returns the word in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Value => $word,)+
                }
            }
        }

        impl FromStr for $Type {
            type Err = AuditError;

            fn from_str(word: &str) -> Result<Self, AuditError> {
                match word {
                    $($word => Ok(Self::$Value),)+
                    _ => Err(AuditError::UnknownWord(stringify!($Type), word.to_owned())),
                }
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The status of an audit.
    AuditStatus {
        /// Nobody has begun to process it.
        Pending = "pending",
        /// Somebody is processing it, or was when the process ended.
        Processing = "processing",
        /// All of its answers are in `final_responses`.
        Completed = "completed",
        /// Somebody has stopped it. What is stored stays.
        Cancelled = "cancelled",
        /// An error has stopped it. What is stored stays.
        Failed = "failed",
    }
}

impl AuditStatus {
    /// Returns whether an audit may go from this status to `next`. Cancelled and failed audits can
    /// be processed again; a completed audit is final. A killed process leaves `processing` behind;
    /// cancel the audit to have it processed again.
    #[must_use]
    pub const fn can_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Processing | Self::Cancelled),
            Self::Processing => matches!(next, Self::Completed | Self::Cancelled | Self::Failed),
            Self::Cancelled | Self::Failed => matches!(next, Self::Processing),
            Self::Completed => false,
        }
    }
}

words! {
    /// The provider of an answer. The names are made up; `data/README.md` says who wrote the
    /// answers.
    Provider {
        /// Its models are `alder-1` and `alder-2`.
        Alder = "alder",
        /// Its models are `birch-1` and `birch-2`.
        Birch = "birch",
        /// Its models are `cedar-1` and `cedar-2`, and `cedar-3`, which never answers.
        Cedar = "cedar",
        /// Its models are `dogwood-1` and `dogwood-2`.
        Dogwood = "dogwood",
    }
}

words! {
    /// How much an insight matters.
    Severity {
        /// Good to know.
        Info = "info",
        /// Worth a look.
        Warning = "warning",
        /// Something to act on.
        Critical = "critical",
    }
}
