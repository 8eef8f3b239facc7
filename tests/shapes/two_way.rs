//! Functions with a plain twin. Each returns its number on the async way, and the number below zero on
//! the plain way.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use dbop::{
    BlockingDb, Conn, Db, ErrorKind, TwoWayDb, TwoWayScope, TwoWaySessionScope, Tx, db_op,
    transactional,
};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use sqlx::{Executor, Sqlite, SqliteConnection};

use crate::common::{echo, open};

type TwoWay = TwoWayDb<Sqlite, Connection>;

/// Two halves that need not share a database, because nothing is stored.
async fn both(is_async: bool) -> TwoWay {
    let plain = BlockingDb::new(SqliteConnectionManager::memory());
    TwoWayDb::new(open().await, plain).async_enabled(is_async)
}

fn below(conn: &Connection, n: i64) -> dbop::Result<i64> {
    Ok(conn.query_row("SELECT -?1", [n], |row| row.get(0))?)
}

/// Runs a call on both ways, and checks that each function was run.
macro_rules! both_ways {
    ($n:expr, |$db:ident| $call:expr) => {
        for (is_async, expected) in [(true, $n), (false, -$n)] {
            let db = both(is_async).await;
            let $db = &db;
            assert_eq!($call.await.unwrap(), expected);
        }
    };
}

#[db_op]
fn patterns_plain(
    conn: &mut Connection,
    (a, mut b): (i64, i64),
    [c, ..]: [i64; 3],
    text: &str,
    r#type: Option<&i64>,
) -> dbop::Result<i64> {
    b += i64::try_from(text.len()).unwrap() + r#type.copied().unwrap_or_default();
    below(conn, a + b + c)
}

#[db_op(plain = patterns_plain)]
async fn patterns(
    conn: &mut Conn<'_, Sqlite>,
    (a, mut b): (i64, i64),
    [c, ..]: [i64; 3],
    text: &str,
    r#type: Option<&i64>,
) -> dbop::Result<i64> {
    b += i64::try_from(text.len()).unwrap() + r#type.copied().unwrap_or_default();
    Ok(echo(&mut *conn, a + b + c).await?)
}

#[db_op(plain = patterns_plain, retry = never)]
async fn patterns_once(
    conn: &mut Conn<'_, Sqlite>,
    (a, mut b): (i64, i64),
    [c, ..]: [i64; 3],
    text: &str,
    r#type: Option<&i64>,
) -> dbop::Result<i64> {
    b += i64::try_from(text.len()).unwrap() + r#type.copied().unwrap_or_default();
    Ok(echo(&mut *conn, a + b + c).await?)
}

#[tokio::test]
async fn patterns_references_and_raw_names() {
    both_ways!(15, |db| patterns(db, (1, 2), [3, 0, 0], "four", Some(&5)));
    both_ways!(15, |db| patterns_once(
        db,
        (1, 2),
        [3, 0, 0],
        "four",
        Some(&5)
    ));
}

#[db_op]
fn generic_plain<T: Into<i64> + Clone + Send + 'static, const N: i64>(
    conn: &mut Connection,
    n: T,
    more: impl Into<i64> + Clone + Send + 'static,
) -> dbop::Result<i64> {
    below(conn, n.into() + more.into() + N)
}

#[db_op(plain = generic_plain::<T, N>)]
async fn turbofish<T: Into<i64> + Clone + Send + 'static, const N: i64>(
    conn: &mut Conn<'_, Sqlite>,
    n: T,
    more: i32,
) -> dbop::Result<i64> {
    Ok(echo(&mut *conn, n.into() + i64::from(more) + N).await?)
}

#[tokio::test]
async fn generics_and_arguments_of_a_wider_type() {
    both_ways!(6, |db| turbofish::<u8, 3>(db, 1, 2));
}

#[transactional]
fn under_a_condition_plain(
    #[cfg(test)] n: i64,
    conn: &mut Connection,
    #[cfg(not(test))] n: String,
) -> dbop::Result<i64> {
    below(conn, n)
}

#[transactional(plain = under_a_condition_plain)]
async fn under_a_condition(
    #[cfg(test)] n: i64,
    tx: &mut Tx<'_, Sqlite>,
    #[cfg(not(test))] n: String,
) -> dbop::Result<i64> {
    Ok(echo(&mut *tx, n).await?)
}

#[tokio::test]
async fn arguments_under_a_condition() {
    both_ways!(7, |db| under_a_condition(7, db));
}

#[db_op]
fn one_plain(conn: &mut Connection) -> dbop::Result<i64> {
    below(conn, 1)
}

#[db_op(plain = one_plain)]
fn boxed<'a>(
    conn: &'a mut Conn<'_, Sqlite>,
) -> Pin<Box<dyn Future<Output = dbop::Result<i64>> + Send + 'a>> {
    Box::pin(async move { Ok(echo(&mut *conn, 1).await?) })
}

#[db_op(plain = one_plain, callers = scope)]
async fn on_the_drivers_connection(conn: &mut SqliteConnection) -> dbop::Result<i64> {
    Ok(echo(conn, 1).await?)
}

#[db_op(plain = one_plain)]
async fn any_executor<'e, E: Executor<'e, Database = Sqlite>>(executor: E) -> dbop::Result<i64> {
    Ok(echo(executor, 1).await?)
}

#[db_op(plain = one_plain)]
async fn unnamed(_conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    Ok(1)
}

#[tokio::test]
async fn futures_executors_and_connections() {
    both_ways!(1, |db| boxed(db));
    both_ways!(1, |db| on_the_drivers_connection(db));
    both_ways!(1, |db| any_executor(db));
    both_ways!(1, |db| unnamed(db));
}

#[derive(Clone, Debug)]
struct Service {
    db: TwoWay,
    n: i64,
}

mod elsewhere {
    use super::{Connection, Service, below, db_op};

    impl Service {
        #[db_op]
        pub(super) fn by_reference_plain(&self, conn: &mut Connection) -> dbop::Result<i64> {
            below(conn, self.n)
        }

        #[db_op]
        pub(super) fn shared_plain(
            self: std::sync::Arc<Self>,
            conn: &mut Connection,
        ) -> dbop::Result<i64> {
            below(conn, self.n)
        }

        #[db_op(in_impl)]
        pub(super) fn without_self_plain(conn: &mut Connection, n: i64) -> dbop::Result<i64> {
            below(conn, n)
        }
    }
}

impl Service {
    #[db_op(db = self.db, plain = Self::by_reference_plain)]
    async fn by_reference(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
        Ok(echo(&mut *conn, self.n).await?)
    }

    #[db_op(db = self.db.clone(), plain = Service::shared_plain, retry = never)]
    async fn shared(self: Arc<Self>, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
        Ok(echo(&mut *conn, self.n).await?)
    }

    #[db_op(plain = Self::without_self_plain)]
    async fn without_self(conn: &mut Conn<'_, Sqlite>, n: i64) -> dbop::Result<i64> {
        Ok(echo(&mut *conn, n).await?)
    }
}

#[tokio::test]
async fn methods() {
    for (is_async, expected) in [(true, 9), (false, -9)] {
        let db = both(is_async).await;
        let service = Arc::new(Service { db, n: 9 });
        assert_eq!(service.by_reference().await.unwrap(), expected);
        assert_eq!(Arc::clone(&service).shared().await.unwrap(), expected);
        let without_self = Service::without_self(&service.db, 9).await;
        assert_eq!(without_self.unwrap(), expected);
    }
}

/// A trait whose methods say that the handle may have two halves.
trait Native {
    async fn one(&self, scope: impl TwoWayScope<Sqlite>) -> dbop::Result<i64>;
}

impl Native for Service {
    #[transactional(plain = own_one_plain)]
    async fn one(&self, tx: &mut Tx<'_, Sqlite>) -> dbop::Result<i64> {
        Ok(echo(&mut *tx, self.n).await?)
    }
}

#[transactional]
fn own_one_plain(service: &Service, conn: &mut Connection) -> dbop::Result<i64> {
    below(conn, service.n)
}

#[tokio::test]
async fn a_method_of_a_trait_with_a_function_as_its_twin() {
    for (is_async, expected) in [(true, 9), (false, -9)] {
        let service = Service {
            db: both(is_async).await,
            n: 9,
        };
        assert_eq!(service.one(&service.db).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_shared_handle_and_a_generic_caller() {
    async fn between(scope: impl TwoWaySessionScope<Sqlite>) -> dbop::Result<i64> {
        unnamed(scope).await
    }
    let db = Arc::new(both(false).await);
    assert_eq!(between(&db).await.unwrap(), -1);
    assert_eq!(between(&*db).await.unwrap(), -1);
    assert_eq!(between(db.as_async()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_twin_of_another_driver_is_refused_on_either_way() {
    let other = diesel::r2d2::ConnectionManager::<diesel::SqliteConnection>::new(":memory:");
    let db = TwoWayDb::new(open().await, BlockingDb::new(other));
    for is_async in [true, false] {
        let db = db.clone().async_enabled(is_async);
        let error = unnamed(&db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert_eq!((error.operation(), error.attempts()), (Some("unnamed"), 0));
        for part in ["`rusqlite::Connection`", "SqliteConnection`", "same driver"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }
    let async_half: &Db<Sqlite> = db.as_async();
    assert_eq!(unnamed(async_half).await.unwrap(), 1);
}
