//! Whether the body of an operation may be replayed.

use crate::options::{Options, Retry};

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
    /// replayed only if it is declared `read_only` or `idempotent`.
    pub(crate) fn of(options: &Options, has_session: bool) -> BodyRuns {
        let never = options
            .retry
            .as_ref()
            .is_some_and(|retry| retry.value == Retry::Never);
        if never || !(has_session || options.says_repeatable()) {
            BodyRuns::AtMostOnce
        } else {
            BodyRuns::OncePerAttempt
        }
    }
}
