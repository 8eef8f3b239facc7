//! `Error` alone may be anybody's.
#![allow(unused)]

use dbop::DbError;
use sqlx::Error;

#[derive(Debug, thiserror::Error, DbError)]
enum Alone {
    #[error("database")]
    Database(#[source] Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum BesideAnother {
    #[error("database")]
    Database(#[source] dbop::Error),
    #[error("other")]
    Other(#[from] Error),
}

fn main() {}
