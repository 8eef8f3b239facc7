//! The session parameter: its place, its name and its type.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, Flaky, echo, open};

#[tokio::test]
async fn the_session_is_not_the_first_parameter() {
    #[transactional]
    async fn f(a: i64, #[session] tx: &mut Tx<'_, Sqlite>, b: i64, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, a + b).await?)
    }
    assert_eq!(f(1, &open().await, 2, &Flaky::default()).await.unwrap(), 3);
}

type Session<'a, 'b> = &'a mut Tx<'b, Sqlite>;
type Connection<'a> = &'a mut sqlx::SqliteConnection;

#[tokio::test]
async fn the_session_is_behind_an_alias() {
    #[transactional]
    async fn f(#[session] tx: Session<'_, '_>, n: i64, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, n).await?)
    }
    #[transactional]
    async fn named<'a>(#[session] tx: Session<'a, '_>, n: i64) -> Answer {
        Ok(echo(&mut *tx, n).await?)
    }
    #[db_op(read_only)]
    async fn raw(n: i64, #[session] conn: Connection<'_>) -> Answer {
        Ok(echo(&mut *conn, n).await?)
    }
    let db = open().await;
    assert_eq!(f(&db, 1, &Flaky::default()).await.unwrap(), 1);
    assert_eq!(named(&db, 2).await.unwrap(), 2);
    assert_eq!(raw(3, &db).await.unwrap(), 3);
}

#[tokio::test]
async fn an_unnamed_and_an_unread_session() {
    #[transactional]
    async fn unnamed(_: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(n)
    }
    #[db_op]
    async fn unread(_conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
        Ok(n)
    }
    let db = open().await;
    assert_eq!(unnamed(&db, 1).await.unwrap(), 1);
    assert_eq!(unread(&db, 2).await.unwrap(), 2);
}

#[tokio::test]
async fn a_session_that_the_body_binds_anew() {
    #[transactional]
    async fn f(mut tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        #[expect(clippy::mut_mut, reason = "the shape")]
        let other = &mut tx;
        Ok(echo(&mut **other, n).await?)
    }
    assert_eq!(f(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn the_drivers_own_connection() {
    #[db_op(read_only)]
    async fn f(conn: &mut sqlx::SqliteConnection, n: i64, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *conn, n).await?)
    }
    assert_eq!(
        f(&mut &open().await, 1, &Flaky::default()).await.unwrap(),
        1
    );
}
