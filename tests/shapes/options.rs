//! Every option of both attributes.

use std::time::Duration;

use dbop::{Conn, Db, ErrorKind, Tx, db_op, transactional};
use sqlx::Sqlite;
use tokio::sync::Notify;

use crate::common::{Answer, AppError, Flaky, echo, note, notes, open};

/// Returns the database's error out of an operation's error.
fn database(error: AppError) -> dbop::Error {
    match error {
        AppError::Database(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn read_only() {
    #[db_op(read_only)]
    async fn f(conn: &mut Conn<'_, Sqlite>, flaky: &Flaky) -> Answer {
        let n = echo(&mut *conn, 1).await?;
        flaky.pass()?;
        Ok(n)
    }
    #[transactional(read_only)]
    async fn g(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    let db = open().await;
    assert_eq!(f(&db, &Flaky::default()).await.unwrap(), 1);
    assert_eq!(g(&db).await.unwrap(), 1);
}

#[tokio::test]
async fn idempotent() {
    #[db_op(idempotent)]
    async fn f(conn: &mut Conn<'_, Sqlite>, flaky: &Flaky) -> Answer {
        let n = note(&mut *conn, "a").await?;
        flaky.pass()?;
        Ok(n)
    }
    #[transactional(idempotent)]
    async fn g(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(note(&mut *tx, "b").await?)
    }
    let db = open().await;
    assert_eq!(f(&db, &Flaky::default()).await.unwrap(), 2);
    assert_eq!(g(&db).await.unwrap(), 3);
}

#[tokio::test]
async fn retry_never() {
    #[transactional(retry = never)]
    async fn f(tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, 1).await?)
    }
    #[db_op(retry = never, idempotent)]
    async fn g(conn: &mut Conn<'_, Sqlite>, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *conn, 1).await?)
    }
    let db = open().await;
    assert!(matches!(
        f(&db, &Flaky::default()).await,
        Err(AppError::Busy)
    ));
    assert!(matches!(
        g(&db, &Flaky::default()).await,
        Err(AppError::Busy)
    ));
}

#[tokio::test]
async fn retry_with_all_its_parts() {
    #[transactional(retry(attempts = 3, base = "1ms", cap = "2ms"))]
    async fn f(tx: &mut Tx<'_, Sqlite>, failures: &Flaky) -> Answer {
        echo(&mut *tx, 1).await?;
        failures.pass()?;
        Err(AppError::Busy)
    }
    #[transactional(retry(base = "1ms"), name = "options.parts")]
    async fn g(tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, 1).await?)
    }
    #[transactional(retry(attempts = 1))]
    async fn h(tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, 1).await?)
    }
    let (db, failures) = (open().await, Flaky::default());
    assert!(f(&db, &failures).await.is_err());
    assert_eq!(failures.attempts(), 3);
    assert_eq!(g(&db, &Flaky::default()).await.unwrap(), 1);
    assert!(h(&db, &Flaky::default()).await.is_err());
}

#[tokio::test]
async fn timeout() {
    #[transactional(timeout = "50ms")]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        note(&mut *tx, "gone").await?;
        #[dbop::allow(foreign_await, reason = "it is there to run into its deadline")]
        std::future::pending().await
    }
    let db = open().await;
    let error = database(f(&db).await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn timeout_of_none_outlives_the_default_deadline() {
    #[transactional(timeout = none)]
    async fn waits(tx: &mut Tx<'_, Sqlite>, started: &Notify, goes_on: &Notify) -> Answer {
        let n = echo(&mut *tx, 1).await?;
        started.notify_one();
        #[dbop::allow(foreign_await, reason = "it is there to outlive a deadline")]
        goes_on.notified().await;
        Ok(n)
    }
    #[transactional]
    async fn has_the_default(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 2).await?)
    }
    let builder = Db::builder().url("sqlite::memory:");
    let db = builder.timeout(Duration::from_millis(50));
    let db: Db<Sqlite> = db.connect().await.unwrap();
    let (started, goes_on) = (Notify::new(), Notify::new());
    let late = async {
        started.notified().await;
        // This call begins later, and its deadline passes first, because the only connection is
        // taken.
        let error = database(has_the_default(&db).await.unwrap_err());
        goes_on.notify_one();
        error.kind()
    };
    let (waited, late) = tokio::join!(waits(&db, &started, &goes_on), late);
    assert_eq!(waited.unwrap(), 1);
    assert!(
        matches!(late, ErrorKind::Timeout | ErrorKind::PoolExhausted),
        "{late:?}"
    );
}

#[tokio::test]
async fn timeout_of_none_has_the_deadline_of_the_call_it_joins() {
    #[db_op(timeout = none)]
    async fn inner(conn: &mut Conn<'_, Sqlite>) -> Answer {
        echo(&mut *conn, 1).await?;
        std::future::pending().await
    }
    #[transactional(timeout = "50ms")]
    async fn outer(tx: &mut Tx<'_, Sqlite>) -> Answer {
        inner(&mut *tx).await
    }
    let error = database(outer(&open().await).await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn name() {
    #[transactional(name = "options.named")]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        let query = sqlx::query_scalar("SELECT 1 WHERE FALSE");
        Ok(query.fetch_one(&mut *tx).await?)
    }
    let error = database(f(&open().await).await.unwrap_err());
    assert_eq!(error.operation(), Some("options.named"));
}

#[tokio::test]
async fn max_concurrency() {
    #[db_op(max_concurrency = 1)]
    async fn f(conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *conn, n).await?)
    }
    let db = open().await;
    let (a, b) = tokio::join!(f(&db, 1), f(&db, 2));
    assert_eq!(a.unwrap() + b.unwrap(), 3);
}

mod reexported {
    pub(super) mod toolkit {
        pub(crate) use ::dbop::*;
    }
}

#[tokio::test]
async fn another_path_to_the_crate() {
    #[reexported::toolkit::transactional(crate = reexported::toolkit)]
    async fn f(tx: &mut reexported::toolkit::Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, 1).await?)
    }
    #[db_op(crate = crate::options::reexported::toolkit, read_only)]
    async fn g(conn: &mut sqlx::SqliteConnection) -> Answer {
        Ok(echo(&mut *conn, 1).await?)
    }
    let db = open().await;
    assert_eq!(f(&db, &Flaky::default()).await.unwrap(), 1);
    assert_eq!(g(&mut &db).await.unwrap(), 1);
}

#[tokio::test]
async fn isolation() {
    #[transactional(isolation = serializable)]
    async fn serializable(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    #[transactional(isolation = repeatable_read)]
    async fn repeatable_read(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 2).await?)
    }
    #[transactional(isolation = read_committed)]
    async fn read_committed(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 3).await?)
    }
    let db = open().await;
    assert_eq!(serializable(&db).await.unwrap(), 1);
    assert_eq!(repeatable_read(&db).await.unwrap(), 2);
    assert_eq!(read_committed(&db).await.unwrap(), 3);
}

#[tokio::test]
async fn deferrable() {
    #[transactional(deferrable, read_only, isolation = serializable)]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn nested() {
    #[transactional(nested)]
    async fn inner(tx: &mut Tx<'_, Sqlite>, fails: bool) -> Answer {
        let n = note(&mut *tx, "inner").await?;
        if fails {
            return Err(AppError::Refused);
        }
        Ok(n)
    }
    #[transactional]
    async fn outer(tx: &mut Tx<'_, Sqlite>) -> Answer<bool> {
        note(&mut *tx, "outer").await?;
        let failed = inner(&mut *tx, true).await.is_err();
        inner(&mut *tx, false).await?;
        Ok(failed)
    }
    let db = open().await;
    assert!(outer(&db).await.unwrap());
    assert_eq!(notes(&db).await, 2);
}

#[tokio::test]
async fn all_options_together() {
    #[transactional(
        idempotent,
        retry(attempts = 2, base = "1ms", cap = "1s"),
        timeout = "1m",
        name = "options.all",
        max_concurrency = 8,
        isolation = serializable,
        nested,
        crate = ::dbop,
    )]
    async fn f(tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, 1).await?)
    }
    #[db_op()]
    async fn none(conn: &mut Conn<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *conn, 1).await?)
    }
    let db = open().await;
    assert_eq!(f(&db, &Flaky::default()).await.unwrap(), 1);
    assert_eq!(none(&db).await.unwrap(), 1);
}
