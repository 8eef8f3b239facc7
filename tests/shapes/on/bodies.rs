//! Bodies of every sort.

use std::fmt::Display;
use std::pin::Pin;

use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use futures_util::TryStreamExt as _;

use crate::common::{Answer, AppError, Flaky, open};

async fn any() -> AnyDb {
    open().await.into()
}

macro_rules! echo {
    ($session:ident, $n:expr) => {{
        let echo = sqlx::query_scalar("SELECT CAST($1 AS BIGINT)");
        let n: i64 = echo.bind::<i64>($n).fetch_one(&mut *$session).await?;
        n
    }};
}

#[tokio::test]
async fn macros_in_a_body() {
    #[db_op(on = [Sqlite, Postgres])]
    async fn f(conn: &mut Conn<'_, DB>, ids: Vec<i64>) -> Answer<String> {
        let n = echo!(conn, 1);
        let list = vec![n; 3];
        assert!(matches!(list.first(), Some(1)), "{} {n}", DB::SYSTEM);
        Ok(format!("{list:?} {ids:?} {}", DB::SYSTEM))
    }
    let found = f(&any().await, vec![2]).await.unwrap();
    assert_eq!(found, "[1, 1, 1] [2] sqlite");
}

#[tokio::test]
async fn items_in_a_body() {
    #[db_op(on = [Sqlite, Postgres])]
    async fn f(conn: &mut Conn<'_, DB>) -> Answer {
        const ONE: i64 = 1;
        struct Of<D>(std::marker::PhantomData<D>);
        impl<D: dbop::Backend> Of<D> {
            fn system(&self) -> &'static str {
                let Self(_) = self;
                D::SYSTEM
            }
        }
        async fn inner(conn: &mut Conn<'_, DB>) -> Answer {
            Ok(echo!(conn, 2))
        }
        assert_eq!(Of::<DB>(std::marker::PhantomData).system(), "sqlite");
        Ok(ONE + inner(conn).await?)
    }
    assert_eq!(f(&any().await).await.unwrap(), 3);
}

#[tokio::test]
async fn closures_and_async_closures() {
    #[transactional(on = [Sqlite, Postgres])]
    async fn f(tx: &mut Tx<'_, DB>, text: String, flaky: &Flaky) -> Answer {
        let mut n = 0;
        let mut add = |more: i64| n += more;
        add(1);
        add(2);
        let inside = async |sp: &mut Tx<'_, DB>| -> Answer {
            let more: i64 = text.parse().map_err(|_| AppError::Refused)?;
            Ok(echo!(sp, n + more))
        };
        let sum = tx.savepoint(inside).await?;
        flaky.pass()?;
        Ok(sum)
    }
    let flaky = Flaky::default();
    let sum = f(&any().await, "4".to_owned(), &flaky).await.unwrap();
    assert_eq!((sum, flaky.attempts()), (7, 2));
}

#[tokio::test]
async fn patterns_of_arguments() {
    #[derive(Clone)]
    struct Pair {
        a: i64,
        b: i64,
    }
    #[db_op(on = [Sqlite, Postgres])]
    async fn f(
        conn: &mut Conn<'_, DB>,
        Pair { a, b }: Pair,
        [c, d]: [i64; 2],
        mut e: i64,
        _: i64,
        whole @ (g, _): (i64, i64),
        &h: &i64,
    ) -> Answer {
        e += 1;
        Ok(echo!(conn, a + b + c + d + e + g + h + whole.1))
    }
    #[db_op(on = [Sqlite, Postgres], retry = never)]
    async fn g(
        mut conn: &mut Conn<'_, DB>,
        Pair { a, .. }: Pair,
        ref text: String,
        mut e: i64,
    ) -> Answer {
        e += 1;
        let sum = echo!(conn, a + e);
        conn = &mut *conn;
        let sum = echo!(conn, sum);
        Ok(sum + i64::try_from(text.len()).unwrap())
    }
    let (db, pair) = (any().await, Pair { a: 1, b: 2 });
    let sum = f(&db, pair.clone(), [3, 4], 5, 0, (6, 7), &8).await;
    assert_eq!(sum.unwrap(), 37);
    assert_eq!(g(&db, pair, "ab".to_owned(), 1).await.unwrap(), 5);
}

#[tokio::test]
async fn sessions_without_a_use() {
    #[db_op(on = [Sqlite, Postgres])]
    async fn f(_: &mut Conn<'_, DB>, _unused: i64) -> Answer {
        Ok(1)
    }
    #[transactional(on = [Sqlite, Postgres])]
    async fn g(_tx: &mut Tx<'_, DB>, #[allow(unused_variables)] n: i64) -> Answer {
        Ok(2)
    }
    let db = any().await;
    assert_eq!((f(&db, 1).await.unwrap(), g(&db, 1).await.unwrap()), (1, 2));
}

#[tokio::test]
async fn loops_streams_and_early_returns() {
    #[db_op(on = [Sqlite, Postgres])]
    async fn f(conn: &mut Conn<'_, DB>, stop: i64) -> Answer {
        let mut sum = 0;
        let numbers = "SELECT CAST(1 AS BIGINT) UNION ALL SELECT 2 UNION ALL SELECT 3";
        let mut rows = sqlx::query_scalar::<_, i64>(numbers).fetch(&mut *conn);
        let ended = 'rows: loop {
            match rows.try_next().await? {
                None => break 'rows true,
                Some(n) if n == stop => return Err(AppError::Refused),
                Some(n) => sum += n,
            }
        };
        drop(rows);
        Ok(if ended { echo!(conn, sum) } else { 0 })
    }
    let db = any().await;
    assert_eq!(f(&db, 9).await.unwrap(), 6);
    assert!(matches!(f(&db, 2).await, Err(AppError::Refused)));
}

#[derive(Clone, Debug)]
struct Counter {
    count: i64,
}

impl Counter {
    const STEP: i64 = 2;

    #[db_op(idempotent, on = [Sqlite, Postgres])]
    async fn add(&mut self, conn: &mut Conn<'_, DB>, flaky: &Flaky) -> Answer {
        struct Inner(i64);
        impl Inner {
            fn own(self) -> i64 {
                let Self(n) = self;
                n
            }
        }
        let step = echo!(conn, Inner(Self::STEP).own());
        flaky.pass()?;
        let mut add = || self.count += step;
        add();
        let Self { count } = self;
        Ok(*count)
    }

    #[db_op(on = [Sqlite, Postgres], retry = never)]
    async fn into_next(mut self, conn: &mut Conn<'_, DB>) -> Answer<Self> {
        self.count += echo!(conn, Self::STEP);
        let text = format!("{} {}", self.count, self.count);
        assert!(text.contains(' '));
        Ok(Self { ..self })
    }

    #[db_op(on = [Sqlite, Postgres])]
    async fn pinned(mut self: Pin<&mut Self>, conn: &mut Conn<'_, DB>) -> Answer {
        self.count += echo!(conn, 1);
        Ok(self.as_mut().get_mut().count)
    }
}

#[tokio::test]
async fn receivers_that_are_not_copied() {
    let (db, flaky) = (any().await, Flaky::default());
    let mut counter = Counter { count: 0 };
    assert_eq!(counter.add(&db, &flaky).await.unwrap(), 2);
    let mut counter = counter.into_next(&db).await.unwrap();
    assert_eq!(Pin::new(&mut counter).pinned(&db).await.unwrap(), 5);
}

#[tokio::test]
async fn generic_functions() {
    #[transactional(on = [Sqlite, Postgres])]
    async fn f<'a, 'b: 'a, T, const N: usize>(
        tx: &mut Tx<'_, DB>,
        all: &'a [T; N],
        text: &'b str,
        show: impl Fn(&T) -> String + Clone + Send,
    ) -> Answer<(Option<&'a T>, &'b str, String)>
    where
        T: Display + Sync,
        [T; N]: Sized,
    {
        let n = echo!(tx, 1);
        let first = all.first();
        Ok((
            first,
            text,
            first.map(show).unwrap_or_default() + &n.to_string(),
        ))
    }
    let found = f(&any().await, &[1.5], "a", ToString::to_string)
        .await
        .unwrap();
    assert_eq!(found, (Some(&1.5), "a", "1.51".to_owned()));
}

#[tokio::test]
async fn recursion_through_a_box() {
    #[transactional(on = [Sqlite, Postgres])]
    async fn f(tx: &mut Tx<'_, DB>, n: i64) -> Answer {
        let n = echo!(tx, n);
        if n == 0 {
            return Ok(0);
        }
        let rest = Box::pin(f(&mut *tx, n - 1));
        Ok(n + rest.await?)
    }
    assert_eq!(f(&any().await, 4).await.unwrap(), 10);
}

#[tokio::test]
async fn futures_that_are_not_send() {
    #[db_op(on = [Sqlite, Postgres])]
    async fn f(conn: &mut Conn<'_, DB>, n: std::rc::Rc<i64>) -> Answer {
        Ok(echo!(conn, *n))
    }
    assert_eq!(f(&any().await, std::rc::Rc::new(3)).await.unwrap(), 3);
}

#[tokio::test]
async fn instrumented_functions() {
    #[db_op(read_only, on = [Sqlite, Postgres])]
    #[tracing::instrument(skip_all, fields(n), err, ret)]
    async fn below(conn: &mut Conn<'_, DB>, n: i64) -> Answer {
        Ok(echo!(conn, n))
    }

    #[tracing::instrument(skip_all, err, ret)]
    #[db_op(read_only, on = [Sqlite, Postgres])]
    async fn above(conn: &mut Conn<'_, DB>, n: i64) -> Answer {
        below(&mut *conn, n).await
    }

    assert_eq!(above(&any().await, 3).await.unwrap(), 3);
}
