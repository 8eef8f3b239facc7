//! The mark `retry_after` in wrong places.

use std::time::Duration;

use dbop::DbError;

#[derive(Debug, thiserror::Error, DbError)]
enum Lasting {
    #[error("declined")]
    Declined(#[db_error(retry_after)] Duration),
    #[error(transparent)]
    Call(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Twice {
    #[error("busy")]
    #[db_error(category = transient)]
    Busy(#[db_error(retry_after)] Duration, #[db_error(retry_after)] Duration),
    #[error(transparent)]
    Call(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum NoTime {
    #[error("busy")]
    #[db_error(category = transient)]
    Busy(#[db_error(retry_after)] String),
    #[error(transparent)]
    Call(#[from] dbop::Error),
}

fn main() {}
