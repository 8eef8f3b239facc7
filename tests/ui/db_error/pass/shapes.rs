//! Where the conversions come from, in every way they can.
#![allow(unused)]

use dbop::DbError;

/// `?` on both errors.
fn both<E: DbError + From<sqlx::Error> + From<dbop::Error>>() {}

#[derive(Debug, thiserror::Error, DbError)]
enum Dbop {
    #[error("taken")]
    #[db_error(category = integrity)]
    Taken,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Sqlx {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Both {
    #[error("one")]
    One(#[from] dbop::Error),
    #[error("two")]
    Two(#[source] sqlx::Error),
}

mod unqualified {
    use sqlx::Error;

    #[derive(Debug, thiserror::Error, dbop::DbError)]
    pub enum Marked {
        #[error(transparent)]
        #[db_error(sqlx)]
        Database(#[from] Error),
    }
}

#[derive(Debug, thiserror::Error, DbError)]
#[db_error(from = Self::from_database)]
enum Named {
    #[error("{0}")]
    Text(String),
}

impl Named {
    fn from_database(error: dbop::Error) -> Self {
        Self::Text(error.to_string())
    }
}

#[derive(Debug, thiserror::Error, DbError)]
enum Manual {
    #[error("query {text}")]
    #[db_error(no_from)]
    Query { text: &'static str, source: sqlx::Error },
}

impl From<sqlx::Error> for Manual {
    fn from(source: sqlx::Error) -> Self {
        Self::Query { text: "", source }
    }
}

impl From<dbop::Error> for Manual {
    fn from(error: dbop::Error) -> Self {
        sqlx::Error::from(error).into()
    }
}

#[derive(Debug, thiserror::Error, DbError)]
#[error(transparent)]
struct Newtype(#[from] dbop::Error);

#[derive(Debug, thiserror::Error, DbError)]
#[error("boxed")]
struct Boxed {
    source: Box<sqlx::Error>,
}

fn main() {
    both::<Dbop>();
    both::<Sqlx>();
    both::<Both>();
    both::<unqualified::Marked>();
    both::<Named>();
    both::<Manual>();
    both::<Newtype>();
    both::<Boxed>();
    let _ = Dbop::Taken;
}
