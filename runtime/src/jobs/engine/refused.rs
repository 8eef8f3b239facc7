//! River's errors as those of dbop.

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
