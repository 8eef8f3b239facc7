//! What a function may return, and how its signature may say so.

use std::fmt::Display;
use std::pin::Pin;

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::future::{BoxFuture, FutureExt};
use sqlx::Sqlite;

use crate::common::{Answer, AppError, Flaky, echo, open};

#[tokio::test]
async fn an_alias_of_result() {
    type Outcome<T, E = AppError> = Result<T, E>;
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Outcome<i64> {
        Ok(echo(&mut *tx, 1).await?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_path_of_result() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> ::std::result::Result<i64, sqlx::Error> {
        echo(&mut *tx, 1).await
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn errors_of_sqlx() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, sql: &'static str) -> sqlx::Result<i64> {
        sqlx::query_scalar(sql).fetch_one(&mut *tx).await
    }
    let db = open().await;
    assert_eq!(f(&db, "SELECT 1").await.unwrap(), 1);
    let missing = f(&db, "SELECT 1 WHERE FALSE").await;
    assert!(matches!(missing, Err(sqlx::Error::RowNotFound)));
}

#[tokio::test]
async fn errors_of_dbop() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, sql: &'static str) -> dbop::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&mut *tx).await?)
    }
    let db = open().await;
    assert_eq!(f(&db, "SELECT 1").await.unwrap(), 1);
    let missing = f(&db, "SELECT 1 WHERE FALSE").await.unwrap_err();
    assert_eq!(missing.operation(), Some("f"));
}

#[tokio::test]
async fn errors_of_anyhow() {
    use anyhow::Context;
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: &str) -> anyhow::Result<i64> {
        let n = text.parse().context("not a number")?;
        anyhow::ensure!(n > 0, "{n} is too small");
        Ok(echo(&mut *tx, n).await?)
    }
    let db = open().await;
    assert_eq!(f(&db, "1").await.unwrap(), 1);
    assert_eq!(f(&db, "x").await.unwrap_err().to_string(), "not a number");
    assert_eq!(f(&db, "0").await.unwrap_err().to_string(), "0 is too small");
}

#[tokio::test]
async fn errors_of_eyre() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: &str) -> eyre::Result<i64> {
        let Ok(n) = text.parse() else {
            eyre::bail!("not a number");
        };
        Ok(echo(&mut *tx, n).await?)
    }
    // Without its feature `auto-install`, eyre leaves the hook to the application.
    eyre::set_hook(Box::new(eyre::DefaultHandler::default_with)).unwrap();
    let db = open().await;
    assert_eq!(f(&db, "1").await.unwrap(), 1);
    assert_eq!(f(&db, "x").await.unwrap_err().to_string(), "not a number");
}

#[tokio::test]
async fn an_opaque_value() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer<impl Iterator<Item = i64> + Send> {
        flaky.pass()?;
        let n = echo(&mut *tx, 3).await?;
        Ok((0..n).map(|n| n * 2))
    }
    // The value counts as borrowing what was passed as the session, because its type captures all
    // parameters.
    let (db, flaky) = (open().await, Flaky::default());
    let found = f(&db, &flaky).await.unwrap();
    assert_eq!(found.collect::<Vec<_>>(), [0, 2, 4]);
}

#[tokio::test]
async fn an_opaque_value_that_borrows() {
    #[transactional]
    async fn f<'a>(
        tx: &mut Tx<'_, Sqlite>,
        list: &'a [i64],
    ) -> Answer<(i64, impl Iterator<Item = &'a i64> + 'a)> {
        let n = echo(&mut *tx, 3).await?;
        Ok((n, list.iter().rev()))
    }
    let db = open().await;
    let (n, rest) = f(&db, &[1, 2]).await.unwrap();
    assert_eq!((n, rest.count()), (3, 2));
}

#[tokio::test]
async fn a_value_that_becomes_a_trait_object() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, bare: bool) -> Answer<Box<dyn Display + Send>> {
        let n = echo(&mut *tx, 3).await?;
        if bare {
            return Ok(Box::new(n));
        }
        Ok(Box::new(format!("<{n}>")))
    }
    let db = open().await;
    assert_eq!(f(&db, true).await.unwrap().to_string(), "3");
    assert_eq!(f(&db, false).await.unwrap().to_string(), "<3>");
}

#[tokio::test]
async fn closures_and_function_pointers_as_values() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
    ) -> Answer<(fn(i64) -> i64, Box<dyn Fn(i64) -> i64 + Send>)> {
        let n = echo(&mut *tx, 3).await?;
        Ok((|n| n + 1, Box::new(move |m| m + n)))
    }
    let (pointer, boxed) = f(&open().await).await.unwrap();
    assert_eq!(boxed(pointer(1)), 5);
}

#[tokio::test]
async fn a_value_whose_type_only_the_signature_says() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: &str) -> anyhow::Result<(u8, Vec<u16>, Option<i64>)> {
        let rows = sqlx::query_as("SELECT 7").fetch_all(&mut *tx).await?;
        let rows = rows.into_iter().map(|(n,)| n).collect();
        Ok((text.parse()?, rows, None))
    }
    let found = f(&open().await, "5").await.unwrap();
    assert_eq!(found, (5, vec![7], None));
}

#[tokio::test]
async fn a_value_that_can_be_neither_cloned_nor_printed() {
    struct Plain(i64);
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer<Plain> {
        flaky.pass()?;
        Ok(Plain(echo(&mut *tx, 3).await?))
    }
    assert_eq!(f(&open().await, &Flaky::default()).await.unwrap().0, 3);
}

#[tokio::test]
async fn results_and_options_inside() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer<Result<Option<i64>, String>> {
        match echo(&mut *tx, n).await? {
            0 => Ok(Err("zero".to_owned())),
            1 => Ok(Ok(None)),
            n => Ok(Ok(Some(n))),
        }
    }
    let db = open().await;
    assert_eq!(f(&db, 0).await.unwrap(), Err("zero".to_owned()));
    assert_eq!(f(&db, 1).await.unwrap(), Ok(None));
    assert_eq!(f(&db, 2).await.unwrap(), Ok(Some(2)));
}

#[tokio::test]
async fn self_as_value() {
    #[derive(Debug, PartialEq)]
    struct User<T> {
        id: T,
    }
    impl<T: From<i64>> User<T> {
        const FIRST: i64 = 1;

        #[transactional]
        async fn first(tx: &mut Tx<'_, Sqlite>) -> Result<Self, AppError> {
            let id = echo(&mut *tx, Self::FIRST).await?;
            Ok(Self { id: id.into() })
        }
    }
    let user = User::<i128>::first(&open().await).await.unwrap();
    assert_eq!(user, User { id: 1 });
}

#[tokio::test]
async fn a_type_made_by_a_macro() {
    macro_rules! answer {
        ($ty:ty) => {
            Result<$ty, AppError>
        };
    }
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> answer!(i64) {
        Ok(echo(&mut *tx, 1).await?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn an_impl_future() {
    #[expect(clippy::manual_async_fn, reason = "the shape")]
    #[transactional]
    fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> impl Future<Output = Answer> + Send {
        async move { Ok(echo(&mut *tx, n).await?) }
    }
    let db = open().await;
    let task = tokio::spawn(async move { f(&db, 1).await });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn an_impl_future_with_a_prologue_and_a_lifetime() {
    #[transactional]
    fn f<'a>(
        tx: &'a mut Tx<'_, Sqlite>,
        text: &'a str,
        flaky: &'a Flaky,
    ) -> impl Future<Output = Answer<&'a str>> + Send + 'a {
        let tail = &text[1..];
        async move {
            flaky.pass()?;
            echo(&mut *tx, 1).await?;
            Ok(tail)
        }
    }
    let (db, flaky) = (open().await, Flaky::default());
    let found = f(&db, "abc", &flaky).await;
    assert_eq!(found.unwrap(), "bc");
}

#[tokio::test]
async fn a_pinned_box_of_a_future() {
    #[transactional]
    fn f<'a>(
        tx: &'a mut Tx<'_, Sqlite>,
        n: i64,
        flaky: &'a Flaky,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            flaky.pass()?;
            Ok(echo(&mut *tx, n).await?)
        })
    }
    assert_eq!(f(&open().await, 1, &Flaky::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_box_future_of_the_futures_crate() {
    #[transactional]
    fn f<'a>(tx: &'a mut Tx<'_, Sqlite>, n: i64) -> BoxFuture<'a, Answer> {
        async move { Ok(echo(&mut *tx, n).await?) }.boxed()
    }
    assert_eq!(f(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_box_future_without_a_session() {
    #[db_op(read_only, allow(no_session))]
    fn f<'a>(pool: &'a sqlx::SqlitePool, flaky: &'a Flaky) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            flaky.pass()?;
            Ok(echo(pool, 1).await?)
        })
    }
    assert_eq!(f(open().await.pool(), &Flaky::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn recursion_through_a_box() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let n = echo(&mut *tx, n).await?;
        if n == 0 {
            return Ok(0);
        }
        let rest = Box::pin(f(&mut *tx, n - 1));
        Ok(n + rest.await?)
    }
    assert_eq!(f(&open().await, 4).await.unwrap(), 10);
}

#[tokio::test]
async fn recursion_in_a_boxed_function() {
    #[db_op]
    fn f<'a>(conn: &'a mut Conn<'_, Sqlite>, n: i64) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match echo(&mut *conn, n).await? {
                0 => Ok(0),
                n => Ok(n + f(&mut *conn, n - 1).await?),
            }
        })
    }
    assert_eq!(f(&open().await, 4).await.unwrap(), 10);
}
