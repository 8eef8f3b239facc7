//! The shapes of functions that both older editions have. Each crate compiles them by its own
//! rules.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dbop::{db_op, transactional, Conn, Db, DbError, Scope, Tx};
use sqlx::{Executor, Sqlite, SqliteConnection, SqlitePool};

#[derive(Debug, thiserror::Error, DbError)]
enum AppError {
    #[error("come again")]
    #[db_error(category = transient)]
    Busy,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

type Answer<T = i64> = Result<T, AppError>;

/// Fails the first attempt of all that pass.
#[derive(Debug, Default)]
struct Flaky(AtomicU32);

impl Flaky {
    fn pass(&self) -> Answer<()> {
        match self.0.fetch_add(1, SeqCst) {
            0 => Err(AppError::Busy),
            _ => Ok(()),
        }
    }
}

async fn open() -> Db<Sqlite> {
    Db::connect("sqlite::memory:").await.unwrap()
}

async fn echo<'e, E>(executor: E, value: i64) -> Result<i64, sqlx::Error>
where
    E: Executor<'e, Database = Sqlite>,
{
    let query = sqlx::query_scalar("SELECT $1");
    query.bind(value).fetch_one(executor).await
}

#[tokio::test]
async fn patterns() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        (mut a, b): (i64, String),
        [c, ..]: [i64; 2],
        _: &str,
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        a += c;
        Ok(b + &echo(&mut *tx, a).await?.to_string())
    }
    let found = f(
        &open().await,
        (1, "n".to_owned()),
        [2, 0],
        "",
        &Flaky::default(),
    )
    .await;
    assert_eq!(found.unwrap(), "n3");
}

#[tokio::test]
async fn lifetimes() {
    #[transactional]
    async fn f<'t, 'a>(
        tx: &'t mut Tx<'_, Sqlite>,
        text: &'a str,
        flaky: &Flaky,
    ) -> Answer<&'a str> {
        flaky.pass()?;
        echo(&mut *tx, 1).await?;
        Ok(text)
    }
    let text = "abc".to_owned();
    let found = f(&open().await, &text, &Flaky::default()).await.unwrap();
    assert_eq!(found, "abc");
}

#[tokio::test]
async fn generics() {
    #[transactional]
    async fn f<T, const N: usize>(tx: &mut Tx<'_, Sqlite>, items: [T; N], flaky: &Flaky) -> Answer
    where
        T: Into<i64> + Copy + Send,
    {
        flaky.pass()?;
        let sum = items.iter().map(|&item| item.into()).sum();
        Ok(echo(&mut *tx, sum).await?)
    }
    let found = f(&open().await, [1_u8, 2], &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[derive(Debug)]
struct Repo {
    base: i64,
    db: Db<Sqlite>,
}

impl Repo {
    #[transactional]
    async fn shared(&self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[transactional]
    async fn exclusive(&mut self, tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        self.base += 1;
        flaky.pass()?;
        Ok(echo(&mut *tx, self.base).await?)
    }

    #[db_op(db = self.db, read_only)]
    async fn own(&self, conn: &mut SqliteConnection, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *conn, self.base).await?)
    }

    #[transactional(retry = never)]
    async fn arc(self: Arc<Self>, tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, self.base).await?)
    }

    #[transactional]
    async fn pinned(mut self: Pin<&mut Self>, tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        self.as_mut().base += 1;
        flaky.pass()?;
        Ok(echo(&mut *tx, self.base).await?)
    }
}

#[tokio::test]
async fn receivers() {
    let db = open().await;
    let mut repo = Repo {
        base: 10,
        db: db.clone(),
    };
    assert_eq!(repo.shared(&db, 1).await.unwrap(), 11);
    assert_eq!(repo.exclusive(&db, &Flaky::default()).await.unwrap(), 12);
    assert_eq!(repo.own(&Flaky::default()).await.unwrap(), 12);
    let pinned = Pin::new(&mut repo).pinned(&db, &Flaky::default()).await;
    assert_eq!(pinned.unwrap(), 14);
    assert_eq!(Arc::new(repo).arc(&db).await.unwrap(), 14);
}

#[tokio::test]
async fn functions_without_a_session() {
    #[db_op(idempotent, allow(no_session))]
    async fn f(pool: &SqlitePool, text: String, flaky: &Flaky) -> Answer<String> {
        flaky.pass()?;
        echo(pool, 1).await?;
        Ok(text)
    }
    let found = f(open().await.pool(), "a".to_owned(), &Flaky::default()).await;
    assert_eq!(found.unwrap(), "a");
}

#[tokio::test]
async fn a_generic_executor() {
    #[db_op]
    async fn f<'e, E>(executor: E, n: i64) -> Answer
    where
        E: Executor<'e, Database = Sqlite>,
    {
        Ok(echo(executor, n).await?)
    }
    assert_eq!(f(open().await.pool(), 1).await.unwrap(), 1);
}

#[tokio::test]
async fn boxed_futures_and_recursion() {
    #[transactional]
    fn f<'a>(
        tx: &'a mut Tx<'_, Sqlite>,
        n: i64,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            match echo(&mut *tx, n).await? {
                0 => Ok(0),
                n => Ok(n + f(&mut *tx, n - 1).await?),
            }
        })
    }
    assert_eq!(f(&open().await, 3).await.unwrap(), 6);
}

#[tokio::test]
async fn impl_futures() {
    #[transactional]
    fn f<'a>(
        tx: &'a mut Tx<'_, Sqlite>,
        text: &'a str,
    ) -> impl Future<Output = Answer<usize>> + Send + 'a {
        let length = text.len();
        async move {
            echo(&mut *tx, 1).await?;
            Ok(length)
        }
    }
    let db = open().await;
    assert_eq!(f(&db, "abc").await.unwrap(), 3);
}

#[tokio::test]
async fn joined_calls_and_early_returns() {
    #[transactional(nested)]
    async fn inner(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        if n == 0 {
            return Err(AppError::Busy);
        }
        Ok(echo(&mut *tx, n).await?)
    }
    #[transactional]
    async fn outer(tx: &mut Tx<'_, Sqlite>) -> Answer {
        let mut total = 0;
        for n in 1..3 {
            total += inner(&mut *tx, n).await?;
        }
        if inner(&mut *tx, 0).await.is_err() {
            return Ok(total);
        }
        Ok(0)
    }
    assert_eq!(outer(&open().await).await.unwrap(), 3);
}

#[tokio::test]
async fn a_last_expression_with_a_temporary_that_borrows_an_argument() {
    #[db_op(read_only)]
    async fn f(conn: &mut Conn<'_, Sqlite>, cell: Shared, flaky: &Flaky) -> Answer<String> {
        flaky.pass()?;
        echo(&mut *conn, 1).await?;
        Ok(cell.0.lock().unwrap().clone())
    }
    #[derive(Clone)]
    struct Shared(Arc<Mutex<String>>);
    let cell = Shared(Arc::new(Mutex::new("a".to_owned())));
    let found = f(&open().await, cell, &Flaky::default()).await;
    assert_eq!(found.unwrap(), "a");
}

#[tokio::test]
async fn functions_made_by_macros() {
    macro_rules! make {
        ($name:ident, $session:ty, $pattern:pat => $ty:ty, $body:block) => {
            #[transactional]
            async fn $name(tx: $session, $pattern: $ty) -> Answer {
                let n = $body;
                Ok(echo(&mut *tx, n).await?)
            }
        };
    }
    make!(f, &mut Tx<'_, Sqlite>, (a, b) => (i64, i64), { a + b });
    assert_eq!(f(&open().await, (1, 2)).await.unwrap(), 3);
}

#[tokio::test]
async fn raw_identifiers() {
    #[transactional]
    async fn r#match(r#type: &mut Tx<'_, Sqlite>, r#loop: i64) -> Answer {
        Ok(echo(&mut *r#type, r#loop).await?)
    }
    assert_eq!(r#match(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn instrumented_functions() {
    #[tracing::instrument(skip(tx), fields(n = n), err)]
    #[transactional]
    async fn above(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, n).await?)
    }
    #[transactional]
    #[tracing::instrument(fields(n = n), err)]
    async fn below(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, n).await?)
    }
    let db = open().await;
    assert_eq!(
        above(&db, 1).await.unwrap() + below(&db, 2).await.unwrap(),
        3
    );
}

#[async_trait]
trait Service {
    async fn add(&self, left: &str, n: i64) -> Answer<String>;
    async fn joined(&self, tx: impl Scope<Sqlite> + 'async_trait, n: i64) -> Answer;
}

#[async_trait]
impl Service for Repo {
    #[transactional(db = self.db)]
    async fn add(&self, tx: &mut Tx<'_, Sqlite>, left: &str, n: i64) -> Answer<String> {
        let n = echo(&mut *tx, self.base + n).await?;
        Ok(format!("{left}{n}"))
    }

    #[transactional]
    async fn joined(&self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, self.base + n).await?)
    }
}

#[tokio::test]
async fn async_traits() {
    let db = open().await;
    let repo = Repo {
        base: 1,
        db: db.clone(),
    };
    assert_eq!(repo.add("n", 2).await.unwrap(), "n3");
    assert_eq!(repo.joined(&db, 3).await.unwrap(), 4);
}

#[tokio::test]
async fn futures_in_tasks() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, list: &[i64]) -> Answer {
        Ok(echo(&mut *tx, list.iter().sum()).await?)
    }
    let task = tokio::spawn(async { f(&open().await, &[1, 2]).await });
    assert_eq!(task.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn functions_for_two_databases() {
    struct Counter(i64);
    impl Counter {
        #[transactional(on = [Sqlite, Postgres])]
        async fn add(&mut self, tx: &mut Tx<'_, DB>, (n, flaky): (i64, &Flaky)) -> Answer {
            let text = dbop::sql!(sqlite = "SELECT ?", postgres = "SELECT $1");
            let n: i64 = sqlx::query_scalar(text).bind(n).fetch_one(&mut *tx).await?;
            flaky.pass()?;
            self.0 += n;
            Ok(self.0)
        }
    }
    #[db_op(read_only, on = [Sqlite, Postgres])]
    async fn name<'a>(conn: &mut Conn<'_, DB>, text: &'a str) -> Answer<(&'a str, &'static str)> {
        let _ = conn;
        Ok((text, DB::SYSTEM))
    }
    #[transactional(on = [Sqlite, Postgres])]
    fn boxed<'a>(
        tx: &mut Tx<'_, DB>,
        text: &'a str,
    ) -> Pin<Box<dyn Future<Output = Answer<&'a str>> + Send + 'a>> {
        Box::pin(async move { Ok(name(&mut *tx, text).await?.0) })
    }
    let one = open().await;
    let any = dbop::AnyDb::from(one.clone());
    let (mut counter, flaky) = (Counter(1), Flaky::default());
    assert_eq!(counter.add(&any, (2, &flaky)).await.unwrap(), 3);
    assert_eq!(name(&one, "a").await.unwrap(), ("a", "sqlite"));
    assert_eq!(boxed(&any, "a").await.unwrap(), "a");
}
