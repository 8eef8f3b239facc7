//! Whether the body of an operation may be replayed.

use crate::function::Function;
use crate::options::{Attribute, Options, Retry};

/// How often one call runs the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BodyRuns {
    /// The body uses the arguments themselves.
    AtMostOnce,
    /// The call keeps the arguments, and hands them out for each attempt anew.
    OncePerAttempt,
}

impl BodyRuns {
    /// Without a session, dbop does not know what a failed body has applied. Such a body is
    /// replayed only if it is declared `read_only` or `idempotent`. A body in a transaction that the
    /// caller has begun is never replayed, because the failure may have ended that transaction.
    ///
    /// A guarded function gets no transaction, whatever the names of its fields are.
    pub(crate) fn of(attribute: Attribute, options: &Options, function: &Function) -> BodyRuns {
        let never = options
            .retry
            .as_ref()
            .is_some_and(|retry| retry.value == Retry::Never);
        // The next chunk needs the arguments as well.
        if options.chunk.is_some() {
            return BodyRuns::OncePerAttempt;
        }
        let has_session = function.session.is_some();
        let is_lent = !has_session
            && attribute != Attribute::Guarded
            && (function.lent().is_some() || function.uses_own_transaction());
        if never || is_lent || !(has_session || options.says_repeatable()) {
            BodyRuns::AtMostOnce
        } else {
            BodyRuns::OncePerAttempt
        }
    }
}
