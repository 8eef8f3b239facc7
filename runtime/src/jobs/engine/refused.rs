//! River's errors as those of dbop, and in its words.

use crate::error::{Error, ErrorKind};

pub(super) fn refused(error: riverqueue::Error) -> Error {
    match error {
        riverqueue::Error::Database(error) => error.into(),
        other => Error::programming(ErrorKind::InvalidArgument, other.to_string()),
    }
}

pub(super) fn not_migrated(error: riverqueue::migrate::Error) -> Error {
    match error {
        riverqueue::migrate::Error::Database(error) => error.into(),
        other => Error::programming(ErrorKind::Configuration, other.to_string()),
    }
}

/// Returns an error without the name of River's type for jobs that are cancelled.
pub(in crate::jobs) fn in_words(error: String) -> String {
    match error.strip_prefix("JobCancelError: ") {
        Some(words) => words.to_owned(),
        None => error,
    }
}
