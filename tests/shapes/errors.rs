//! Every form of `#[derive(DbError)]`, as the error of an operation.

use std::fmt::{Debug, Display};

use dbop::{Category, DbError, ErrorKind, Tx, transactional};
use sqlx::Sqlite;

use crate::common::{echo, open};

/// Runs operations with this error type. One succeeds, and one ends with an error of the database.
/// `?` converts dbop's errors in the first and sqlx's in the second. Returns the error.
macro_rules! runs {
    ($error:ty) => {{
        #[transactional]
        async fn with_sqlx(tx: &mut Tx<'_, Sqlite>) -> Result<i64, $error> {
            let query = sqlx::query_scalar("SELECT 1 WHERE FALSE");
            Ok(query.fetch_one(&mut *tx).await?)
        }
        #[transactional]
        async fn with_dbop(tx: &mut Tx<'_, Sqlite>) -> Result<i64, $error> {
            async fn helper(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<i64> {
                Ok(echo(&mut *tx, 1).await?)
            }
            Ok(helper(&mut *tx).await?)
        }
        let db = open().await;
        assert_eq!(with_dbop(&db).await.unwrap(), 1);
        let error = with_sqlx(&db).await.unwrap_err();
        assert_eq!(error.class().kind, ErrorKind::NoRows);
        error
    }};
}

#[tokio::test]
async fn a_variant_with_dbops_error() {
    #[derive(Debug, thiserror::Error, DbError)]
    #[error(transparent)]
    enum Error {
        Database(#[from] dbop::Error),
    }
    let Error::Database(error) = runs!(Error);
    assert_eq!(error.operation(), Some("with_sqlx"));
}

#[tokio::test]
async fn a_variant_with_sqlxs_error() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error {
        #[error("{0}")]
        Database(#[from] sqlx::Error),
        #[error("never")]
        #[expect(dead_code, reason = "the shape")]
        Other { why: String },
    }
    let error = runs!(Error);
    assert!(matches!(error, Error::Database(sqlx::Error::RowNotFound)));
}

#[tokio::test]
async fn a_variant_without_from() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error {
        #[error("{0}")]
        Database(dbop::Error),
    }
    let Error::Database(error) = runs!(Error);
    assert_eq!(error.category(), Category::Query);
}

#[tokio::test]
async fn a_variant_with_a_named_field() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error {
        #[error("{source}")]
        Database { source: sqlx::Error },
    }
    let Error::Database { source } = runs!(Error);
    assert!(matches!(source, sqlx::Error::RowNotFound));
}

#[tokio::test]
async fn variants_for_both_errors() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error {
        #[error("{0}")]
        Sqlx(#[from] sqlx::Error),
        #[error("{source}")]
        Dbop { source: ::dbop::Error },
    }
    assert!(matches!(
        runs!(Error),
        Error::Sqlx(sqlx::Error::RowNotFound)
    ));
}

#[tokio::test]
async fn a_boxed_error() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error {
        #[error("{0}")]
        Database(Box<dbop::Error>),
    }
    let Error::Database(error) = runs!(Error);
    assert_eq!(error.operation(), Some("with_sqlx"));
}

#[tokio::test]
async fn an_unqualified_error() {
    use sqlx::Error;
    #[derive(Debug, thiserror::Error, DbError)]
    enum Marked {
        #[error("{0}")]
        #[db_error(sqlx)]
        Database(Error),
    }
    let Marked::Database(error) = runs!(Marked);
    assert!(matches!(error, sqlx::Error::RowNotFound));
}

#[tokio::test]
async fn a_marked_field_behind_an_alias() {
    type Hidden = dbop::Error;
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error {
        #[error("{inner}")]
        Database {
            #[db_error(dbop)]
            inner: Hidden,
        },
    }
    let Error::Database { inner } = runs!(Error);
    assert_eq!(inner.operation(), Some("with_sqlx"));
}

#[tokio::test]
async fn a_second_carrier_that_is_not_converted_into() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error {
        #[error("{0}")]
        Database(#[from] sqlx::Error),
        #[error("{source} at {id}")]
        At { id: i64, source: sqlx::Error },
        #[error("{0}")]
        #[expect(dead_code, reason = "the shape")]
        #[db_error(no_from)]
        Other(sqlx::Error),
    }
    assert!(matches!(runs!(Error), Error::Database(_)));
    let at = Error::At {
        id: 1,
        source: sqlx::Error::RowNotFound,
    };
    assert_eq!(at.class().kind, ErrorKind::NoRows);
}

#[tokio::test]
async fn conversions_by_hand() {
    #[derive(Debug, thiserror::Error, DbError)]
    #[error("{0}")]
    #[db_error(no_from)]
    enum Error {
        Database(sqlx::Error),
    }
    impl From<sqlx::Error> for Error {
        fn from(error: sqlx::Error) -> Self {
            Self::Database(error)
        }
    }
    impl From<dbop::Error> for Error {
        fn from(error: dbop::Error) -> Self {
            Self::Database(error.into())
        }
    }
    let Error::Database(error) = runs!(Error);
    assert!(matches!(error, sqlx::Error::RowNotFound));
}

#[tokio::test]
async fn a_function_that_converts() {
    #[derive(Debug, thiserror::Error, DbError)]
    #[db_error(from = Self::from_database)]
    enum Error {
        #[error("not found")]
        #[db_error(category = query)]
        NotFound,
        #[error("{0}")]
        #[db_error(category = internal)]
        Other(String),
    }
    impl Error {
        #[expect(
            clippy::needless_pass_by_value,
            reason = "the derive passes the error on"
        )]
        fn from_database(error: dbop::Error) -> Self {
            match error.kind() {
                ErrorKind::NoRows => Self::NotFound,
                _ => Self::Other(error.to_string()),
            }
        }
    }
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, sql: &'static str) -> Result<i64, Error> {
        Ok(sqlx::query_scalar(sql).fetch_one(&mut *tx).await?)
    }
    let db = open().await;
    let missing = f(&db, "SELECT 1 WHERE FALSE").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound));
    assert_eq!(missing.class().category, Category::Query);
    let wrong = f(&db, "SELEC").await.unwrap_err();
    assert!(matches!(&wrong, Error::Other(_)));
    assert_eq!(wrong.class().category, Category::Internal);
}

#[tokio::test]
async fn a_newtype() {
    #[derive(Debug, thiserror::Error, DbError)]
    #[error("{0}")]
    struct Error(#[from] sqlx::Error);
    assert!(matches!(runs!(Error).0, sqlx::Error::RowNotFound));
}

#[tokio::test]
async fn a_struct_with_one_named_field() {
    #[derive(Debug, thiserror::Error, DbError)]
    #[error("{source}")]
    struct Error {
        source: dbop::Error,
    }
    assert_eq!(runs!(Error).source.operation(), Some("with_sqlx"));
}

#[tokio::test]
async fn a_generic_enum() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error<T, const N: usize = 1>
    where
        T: Debug + Display,
    {
        #[error("{0}")]
        Domain(T),
        #[error("{0:?}")]
        #[expect(dead_code, reason = "the shape")]
        Array([T; N]),
        #[error(transparent)]
        Database(#[from] dbop::Error),
    }
    assert!(matches!(runs!(Error<String>), Error::Database(_)));
    let domain: Error<i64, 3> = Error::Domain(1);
    assert_eq!(domain.class().category, Category::Application);
}

#[tokio::test]
async fn a_generic_error_of_a_generic_function() {
    #[derive(Debug, thiserror::Error, DbError)]
    enum Error<T: Debug + Display> {
        #[error("{0}")]
        Domain(T),
        #[error(transparent)]
        Database(#[from] dbop::Error),
    }
    #[transactional]
    async fn f<T>(tx: &mut Tx<'_, Sqlite>, why: T) -> Result<i64, Error<T>>
    where
        T: Debug + Display + Clone + Send,
    {
        match echo(&mut *tx, 1).await? {
            1 => Err(Error::Domain(why)),
            n => Ok(n),
        }
    }
    let error = f(&open().await, "why").await.unwrap_err();
    assert!(matches!(error, Error::Domain("why")));
}

#[tokio::test]
async fn every_category() {
    macro_rules! categories {
        ($($name:ident => $variant:ident),* $(,)?) => {
            #[derive(Debug, thiserror::Error, DbError)]
            enum Error {
                $(#[error("case")] #[db_error(category = $name)] $variant,)*
                #[error(transparent)]
                Database(dbop::Error),
            }
            $(assert_eq!(Error::$variant.class().category, Category::$variant);)*
        };
    }
    categories! {
        transient => Transient,
        integrity => Integrity,
        query => Query,
        programming => Programming,
        data => Data,
        permission => Permission,
        resource => Resource,
        ambiguous => Ambiguous,
        cancelled => Cancelled,
        internal => Internal,
        application => Application,
    }
}

mod reexported {
    pub(super) use ::dbop as toolkit;
}

#[tokio::test]
async fn another_path_to_the_crate() {
    #[derive(Debug, thiserror::Error, DbError)]
    #[db_error(crate = reexported::toolkit)]
    #[error("{0}")]
    struct Error(#[db_error(dbop)] reexported::toolkit::Error);
    assert_eq!(runs!(Error).0.operation(), Some("with_sqlx"));
}
