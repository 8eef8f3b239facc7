//! Constructors of a [`Class`], which keep each line of a table of codes short.

pub(super) use crate::error::{Category, Class, ErrorKind, Retry};

/// Defines one constructor for each category, so that a table can say `data(TooLong)`.
macro_rules! never {
    ($( $name:ident => $Category:ident, )*) => {
        $(
            #[doc = concat!("[`Category::", stringify!($Category), "`], never retried.")]
            pub(super) const fn $name(kind: ErrorKind) -> Class {
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

/// [`Category::Transient`], for a failed statement that had no effect.
pub(super) const fn no_effect(kind: ErrorKind) -> Class {
    Class {
        category: Category::Transient,
        kind,
        retry: Retry::Always,
    }
}

/// [`Category::Transient`], for a failed statement that may have had its effect.
pub(super) const fn maybe_applied(kind: ErrorKind) -> Class {
    Class {
        category: Category::Transient,
        kind,
        retry: Retry::IfIdempotent,
    }
}

/// [`Category::Ambiguous`], for a database that itself does not know the outcome.
pub(super) const fn outcome_unknown() -> Class {
    Class::OUTCOME_UNKNOWN
}

/// The class of a code that is not an error at all, or that this crate does not know.
pub(super) const UNKNOWN: Class = internal(ErrorKind::Other);
