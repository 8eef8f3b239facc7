//! Errors of drivers that cannot be the error of an operation.
#![allow(unused)]

use dbop::{DbError, db_op};
use postgres_client as postgres;

#[derive(Debug, thiserror::Error, DbError)]
enum NoDriver {
    #[error("{0}")]
    #[db_error(driver)]
    Io(std::io::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum TwoDrivers {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Diesel(#[from] diesel::result::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum OnlyPostgres {
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
#[error(transparent)]
struct OnlyPostgresAsStruct(#[from] postgres::Error);

#[derive(Debug, thiserror::Error, DbError)]
enum Twice {
    #[error("{0}")]
    Reading(rusqlite::Error),
    #[error("{0}")]
    Writing(rusqlite::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum WithMore {
    #[error("{1} {0}")]
    Sqlite(i64, #[source] rusqlite::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Marked {
    #[error("{0}")]
    #[db_error(drivers)]
    Sqlite(rusqlite::Error),
}

#[db_op]
fn of_postgres(conn: &mut postgres::Client) -> Result<(), postgres::Error> {
    Ok(())
}

fn main() {}
