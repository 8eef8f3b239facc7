//! The ways to get `#[db_error(..)]` wrong.
#![allow(unused)]

use dbop::DbError;

#[derive(Debug, thiserror::Error, DbError)]
enum Categories {
    #[error("near")]
    #[db_error(category = transiet)]
    Near,
    #[error("far")]
    #[db_error(category = flaky)]
    Far,
    #[error("quoted")]
    #[db_error(category = "transient")]
    Quoted,
    #[error("missing")]
    #[db_error(category)]
    Missing,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
#[db_error(category = transient)]
enum WrongPlace {
    #[error("variant")]
    #[db_error(from = Self::new)]
    Variant,
    #[error("field")]
    Field(#[db_error(no_from)] i64),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
#[db_error]
enum Empty {
    #[error("text")]
    #[db_error = "transient"]
    Text,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Marks {
    #[error("both")]
    #[db_error(sqlx, dbop)]
    Both(#[from] sqlx::Error),
    #[error("several")]
    #[db_error(sqlx)]
    Several(i64, String),
}

#[derive(Debug, thiserror::Error, DbError)]
#[db_error(no_from, from = Self::new)]
enum TwoWays {
    #[error("text")]
    Text,
}

#[derive(Debug, thiserror::Error, DbError)]
#[db_error(from = Self::new)]
enum Needless {
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Twice {
    #[error("text")]
    #[db_error(category = transient)]
    #[db_error(category = data)]
    Text,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

fn main() {}
