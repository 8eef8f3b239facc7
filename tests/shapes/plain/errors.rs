//! What bodies return, and what `?` makes of the errors of the drivers.

use dbop::{Category, DbError, ErrorKind, Outcome, db_op, transactional};
use rusqlite::Connection;

use super::{Flaky, echo, open};

fn assert_carries<E: DbError + std::fmt::Debug>(error: &E, category: Category) {
    assert_eq!(error.class().category, category, "{error:?}");
}

#[tokio::test]
async fn results_of_other_crates() {
    #[db_op]
    fn of_rusqlite(conn: &mut Connection) -> rusqlite::Result<i64> {
        conn.query_row("SELECT 1 WHERE 0", [], |row| row.get(0))
    }
    #[db_op]
    fn of_anyhow(conn: &mut Connection) -> anyhow::Result<i64> {
        let n: i64 = "7".parse()?;
        Ok(echo(conn, n)?)
    }
    #[db_op]
    fn of_eyre(conn: &mut Connection) -> eyre::Result<i64> {
        Ok(echo(conn, "8".parse()?)?)
    }
    #[db_op]
    fn of_dbop(conn: &mut Connection) -> dbop::Result<i64> {
        Ok(conn.query_row("nonsense", [], |row| row.get(0))?)
    }
    #[db_op]
    fn in_full(conn: &mut Connection) -> ::std::result::Result<i64, ::rusqlite::Error> {
        echo(conn, 9)
    }
    let db = open().await;
    let none = of_rusqlite(&db).await.unwrap_err();
    assert_eq!(none, rusqlite::Error::QueryReturnedNoRows);
    assert_eq!(of_anyhow(&db).await.unwrap(), 7);
    assert_eq!(of_eyre(&db).await.unwrap(), 8);
    let error = of_dbop(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert_eq!(error.operation(), Some("of_dbop"));
    assert_eq!(in_full(&db).await.unwrap(), 9);
}

#[tokio::test]
async fn results_of_diesel() {
    use diesel::prelude::*;
    use diesel::r2d2::ConnectionManager;
    use diesel::sql_types::BigInt;

    #[transactional]
    fn f(conn: &mut SqliteConnection, n: i64) -> QueryResult<i64> {
        diesel::select(n.into_sql::<BigInt>()).get_result(conn)
    }
    #[db_op]
    fn g(conn: &mut diesel::SqliteConnection) -> QueryResult<usize> {
        diesel::sql_query("nonsense").execute(conn)
    }
    let db = dbop::BlockingDb::new(ConnectionManager::<SqliteConnection>::new(":memory:"));
    assert_eq!(f(&db, 5).await.unwrap(), 5);
    let error = g(&db).await.unwrap_err();
    assert!(matches!(error, diesel::result::Error::DatabaseError(..)));
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    assert_eq!(f_sync(&mut conn, 6).unwrap(), 6);
}

#[derive(Debug, thiserror::Error, DbError)]
enum OneDriver {
    #[error("no")]
    #[expect(dead_code, reason = "a shape")]
    No,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum ByHand {
    #[error("{0}")]
    Sqlite(rusqlite::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Boxed {
    #[error(transparent)]
    Sqlite(Box<rusqlite::Error>),
}

#[derive(Debug, thiserror::Error, DbError)]
enum BoxedFrom {
    #[error(transparent)]
    Sqlite(#[from] Box<rusqlite::Error>),
}

#[derive(Debug, thiserror::Error, DbError)]
enum Named {
    #[error("{source}")]
    Sqlite { source: rusqlite::Error },
}

#[derive(Debug, thiserror::Error, DbError)]
#[error(transparent)]
struct Whole(#[from] rusqlite::Error);

#[derive(Debug, thiserror::Error, DbError)]
#[error("{0}")]
#[db_error(driver)]
struct Alias(SqliteError);

type SqliteError = rusqlite::Error;

#[derive(Debug, thiserror::Error, DbError)]
enum TwoDrivers {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Diesel(#[from] diesel::result::Error),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum AllDrivers {
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    #[error(transparent)]
    #[db_error(driver)]
    Diesel(diesel::result::Error),
    #[error(transparent)]
    #[db_error(driver)]
    Postgres(postgres_client::Error),
    #[error(transparent)]
    Sqlx(sqlx::Error),
}

#[derive(Debug, thiserror::Error, DbError)]
enum WithMore {
    #[error("{1} while {0}")]
    Sqlite(&'static str, rusqlite::Error),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

impl From<rusqlite::Error> for WithMore {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite("reading", error)
    }
}

#[derive(Debug, thiserror::Error, DbError)]
#[db_error(no_from)]
enum Manual {
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Manual {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<dbop::Error> for Manual {
    fn from(error: dbop::Error) -> Self {
        Self::Sqlite(error.into())
    }
}

/// Uses `?` on the driver's error and on `dbop::Error`, in an operation with this error type.
macro_rules! question_marks {
    ($($E:ident),*) => {$({
        #[transactional]
        fn of_driver(conn: &mut Connection) -> Result<(), $E> {
            conn.execute("INSERT INTO notes (body) VALUES (NULL)", ())?;
            Ok(())
        }
        #[transactional]
        fn of_dbop(conn: &mut Connection) -> Result<(), $E> {
            super::add_sync(conn, "a")?;
            refused()?;
            Ok(())
        }
        fn refused() -> dbop::Result<()> {
            Err(dbop::Error::from(rusqlite::Error::QueryReturnedNoRows))
        }
        let db = open().await;
        assert_carries(&of_driver(&db).await.unwrap_err(), Category::Integrity);
        assert_carries(&of_dbop(&db).await.unwrap_err(), Category::Query);
        db.close();
        let closed = of_driver(&db).await.unwrap_err();
        assert_eq!(closed.class().kind, ErrorKind::PoolClosed, "{closed:?}");
    })*};
}

#[tokio::test]
async fn question_marks() {
    question_marks!(OneDriver, ByHand, Boxed, Named, Whole, Alias, TwoDrivers);
    question_marks!(AllDrivers, WithMore, Manual);
}

#[tokio::test]
async fn a_box_that_has_its_own_conversion() {
    #[db_op]
    fn f(conn: &mut Connection) -> Result<i64, BoxedFrom> {
        Ok(echo(conn, 1)?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
    let boxed = BoxedFrom::from(Box::new(rusqlite::Error::InvalidQuery));
    assert_carries(&boxed, Category::Programming);
}

#[test]
fn each_driver_has_its_variant() {
    let error = AllDrivers::from(diesel::result::Error::NotFound);
    assert!(matches!(error, AllDrivers::Diesel(_)));
    assert_carries(&error, Category::Query);
    let error = AllDrivers::from(rusqlite::Error::QueryReturnedNoRows);
    assert!(matches!(error, AllDrivers::Sqlite(_)));
    let error = TwoDrivers::from(diesel::result::Error::NotFound);
    assert_carries(&error, Category::Query);
    let error = OneDriver::from(sqlx::Error::RowNotFound);
    assert_carries(&error, Category::Query);
}

/// An error that is not the driver's own travels inside one of the driver's errors.
#[tokio::test]
async fn a_call_that_fails_writes_into_the_error_inside() {
    #[transactional(name = "notes.lost")]
    fn f(conn: &mut Connection) -> rusqlite::Result<i64> {
        echo(conn, 1)
    }
    #[transactional(name = "notes.own")]
    fn g(conn: &mut Connection) -> Result<i64, OneDriver> {
        Ok(echo(conn, 1)?)
    }
    let db = open().await;
    db.close();
    let error = f(&db).await.unwrap_err();
    assert_carries(&error, Category::Resource);
    let inside = dbop::Error::from(error);
    assert_eq!(inside.kind(), ErrorKind::PoolClosed);
    assert_eq!(inside.operation(), Some("notes.lost"));
    assert_eq!(inside.outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(inside.attempts(), 1);
    let OneDriver::Sqlite(error) = g(&db).await.unwrap_err() else {
        panic!("the error is of neither of the other variants");
    };
    let inside = dbop::Error::from(error);
    assert_eq!(inside.operation(), Some("notes.own"));
}

#[test]
fn there_and_back_changes_nothing() {
    let constraint = || {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)")
            .unwrap();
        conn.execute("INSERT INTO t VALUES (1)", ()).unwrap_err()
    };
    let wrapped = dbop::Error::from(constraint());
    assert_eq!(wrapped.kind(), ErrorKind::Unique);
    assert_eq!(wrapped.as_driver(), Some(&constraint()));
    assert_eq!(rusqlite::Error::from(wrapped), constraint());

    let wrapped = dbop::Error::from(diesel::result::Error::NotFound);
    let back = diesel::result::Error::from(wrapped);
    assert_eq!(back, diesel::result::Error::NotFound);

    // This error goes through another driver's error, and out of it again.
    let foreign = rusqlite::Error::from(dbop::Error::from(diesel::result::Error::NotFound));
    assert_carries(&foreign, Category::Query);
    let back = diesel::result::Error::from(dbop::Error::from(foreign));
    assert_eq!(back, diesel::result::Error::NotFound);
}

#[tokio::test]
async fn the_category_of_a_driver_is_retried() {
    #[transactional]
    fn f(conn: &mut Connection, flaky: &Flaky) -> rusqlite::Result<i64> {
        if flaky.pass().is_err() {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None));
        }
        echo(conn, 1)
    }
    let flaky = Flaky::default();
    assert_eq!(f(&open().await, &flaky).await.unwrap(), 1);
    assert_eq!(flaky.attempts(), 2);
}
