//! Constructors of a [`Class`], so that a table of codes reads like one.

pub(super) use crate::error::{Category, Class, Kind, Retry};

/// One constructor a category, so that a table says `data(TooLong)`.
macro_rules! never {
    ($( $name:ident => $Category:ident, )*) => {
        $(
            #[doc = concat!("[`Category::", stringify!($Category), "`], never retried.")]
            pub(super) const fn $name(kind: Kind) -> Class {
                Class { category: Category::$Category, kind, retry: Retry::Never }
            }
        )*
    };
}

never! {
    integrity => Integrity,
    query => Query,
    programming => Programming,
    data => Data,
    permission => Permission,
    resource => Resource,
    cancelled => Cancelled,
    internal => Internal,
    application => Application,
}

/// Transient, and the failed statement had no effect.
pub(super) const fn no_effect(kind: Kind) -> Class {
    Class {
        category: Category::Transient,
        kind,
        retry: Retry::Always,
    }
}

/// Transient, but the failed statement may have had its effect.
pub(super) const fn maybe_applied(kind: Kind) -> Class {
    Class {
        category: Category::Transient,
        kind,
        retry: Retry::IfIdempotent,
    }
}

/// The database itself says that it does not know the outcome.
pub(super) const fn outcome_unknown() -> Class {
    Class {
        category: Category::Ambiguous,
        kind: Kind::CompletionUnknown,
        retry: Retry::IfIdempotent,
    }
}

/// Not an error at all, or nothing this crate knows.
pub(super) const UNKNOWN: Class = internal(Kind::Other);
