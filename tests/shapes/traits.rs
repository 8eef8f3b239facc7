//! Methods of traits: default bodies, native `async fn`, `async_trait`, and functions that return
//! futures.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use dbop::{Conn, Db, Scope, Tx, db_op, transactional};
use sqlx::{Sqlite, SqlitePool};

use crate::common::{Answer, AppError, Flaky, echo, note, notes, open};

#[derive(Debug)]
struct Repo {
    db: Db<Sqlite>,
    flaky: Flaky,
}

impl Repo {
    fn db(&self) -> &Db<Sqlite> {
        &self.db
    }
}

async fn repo() -> Repo {
    Repo {
        db: open().await,
        flaky: Flaky::default(),
    }
}

#[tokio::test]
async fn a_native_method_whose_trait_declares_a_scope() {
    trait Notes {
        async fn add(&self, tx: impl Scope<Sqlite>, text: &str) -> Answer;
    }
    impl Notes for Flaky {
        #[transactional]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
            self.pass()?;
            Ok(note(&mut *tx, text).await?)
        }
    }
    let (db, flaky) = (open().await, Flaky::default());
    assert_eq!(flaky.add(&db, "a").await.unwrap(), 1);
    assert_eq!((notes(&db).await, flaky.attempts()), (1, 2));
}

#[tokio::test]
async fn a_native_method_with_its_own_handle() {
    trait Notes {
        async fn file(&self, text: &str) -> Answer;
    }
    impl Notes for Repo {
        #[transactional(db = self.db)]
        async fn file(&self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
            self.flaky.pass()?;
            Ok(note(&mut *tx, text).await?)
        }
    }
    let repo = repo().await;
    assert_eq!(repo.file("a").await.unwrap(), 1);
}

#[tokio::test]
async fn a_native_method_declared_as_a_sendable_future() {
    trait Notes {
        fn add(&self, tx: impl Scope<Sqlite>, text: &str) -> impl Future<Output = Answer> + Send;
    }
    impl Notes for Flaky {
        #[transactional]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
            self.pass()?;
            Ok(note(&mut *tx, text).await?)
        }
    }
    let db = open().await;
    let task = tokio::spawn(async move { Flaky::default().add(&db, "a").await });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_default_body() {
    trait Notes {
        fn prefix(&self) -> i64;

        #[transactional]
        async fn read(&self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
            Ok(echo(&mut *tx, self.prefix() + n).await?)
        }
    }
    struct Ten;
    impl Notes for Ten {
        fn prefix(&self) -> i64 {
            10
        }
    }
    assert_eq!(Ten.read(&open().await, 1).await.unwrap(), 11);
}

#[tokio::test]
async fn a_default_body_with_a_handle_from_a_method() {
    trait Notes {
        fn db(&self) -> &Db<Sqlite>;

        #[transactional(db = self.db())]
        async fn put(&self, tx: &mut Tx<'_, Sqlite>, text: String) -> Answer {
            Ok(note(&mut *tx, &text).await?)
        }
    }
    impl Notes for Repo {
        fn db(&self) -> &Db<Sqlite> {
            &self.db
        }
    }
    assert_eq!(repo().await.put("a".to_owned()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_generic_trait_with_associated_types() {
    trait Store<K> {
        type Value;
        const STEP: i64;
        async fn get(tx: impl Scope<Sqlite>, key: K) -> Result<Self::Value, AppError>;
    }
    struct Numbers;
    impl<K: Into<i64> + Clone + Send> Store<K> for Numbers {
        type Value = i64;
        const STEP: i64 = 1;

        #[transactional]
        async fn get(tx: &mut Tx<'_, Sqlite>, key: K) -> Result<Self::Value, AppError> {
            let step = <Self as Store<K>>::STEP;
            Ok(echo(&mut *tx, key.into() + step).await?)
        }
    }
    assert_eq!(Numbers::get(&open().await, 1_u8).await.unwrap(), 2);
}

#[async_trait]
trait Service: Send + Sync {
    async fn store(&self, text: &str, count: usize) -> Answer;
    async fn both(&self, left: &str, right: &str) -> Answer<String>;
    async fn bump(&mut self, by: i64) -> Answer;
    async fn ping() -> Answer
    where
        Self: Sized,
    {
        Ok(0)
    }
}

#[async_trait]
impl Service for Repo {
    #[transactional(db = self.db)]
    async fn store(&self, tx: &mut Tx<'_, Sqlite>, text: &str, mut count: usize) -> Answer {
        let mut last = 0;
        while count > 0 {
            last = note(&mut *tx, text).await?;
            count -= 1;
        }
        self.flaky.pass()?;
        Ok(last)
    }

    #[db_op(db = self.db, read_only)]
    async fn both(&self, conn: &mut Conn<'_, Sqlite>, left: &str, right: &str) -> Answer<String> {
        self.flaky.pass()?;
        let query = sqlx::query_scalar("SELECT $1 || $2");
        Ok(query.bind(left).bind(right).fetch_one(&mut *conn).await?)
    }

    #[transactional(db = self.db.clone())]
    async fn bump(&mut self, tx: &mut Tx<'_, Sqlite>, by: i64) -> Answer {
        self.flaky.pass()?;
        Ok(echo(&mut *tx, by).await?)
    }
}

#[tokio::test]
async fn async_trait_with_a_handle_in_self() {
    let mut repo = repo().await;
    assert_eq!(repo.store("a", 2).await.unwrap(), 2);
    assert_eq!(notes(&repo.db).await, 2);
    repo.flaky = Flaky::default();
    assert_eq!(repo.both("a", "b").await.unwrap(), "ab");
    repo.flaky = Flaky::default();
    assert_eq!(repo.bump(3).await.unwrap(), 3);
    assert_eq!(Repo::ping().await.unwrap(), 0);
}

#[tokio::test]
async fn async_trait_behind_a_trait_object() {
    let service: Arc<dyn Service> = Arc::new(repo().await);
    let task = tokio::spawn(async move { service.store("a", 1).await });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[async_trait]
trait Adds: Send + Sync {
    async fn add(&self, text: String) -> Answer;
}

#[tokio::test]
async fn async_trait_with_a_shared_handle() {
    struct Shared(Arc<Db<Sqlite>>);
    #[async_trait]
    impl Adds for Shared {
        #[transactional(db = self.0)]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, text: String) -> Answer {
            Ok(note(&mut *tx, &text).await?)
        }
    }
    let shared = Shared(Arc::new(open().await));
    assert_eq!(shared.add("a".to_owned()).await.unwrap(), 1);
}

#[tokio::test]
async fn async_trait_with_a_pool() {
    struct Pooled {
        pool: SqlitePool,
    }
    #[async_trait]
    impl Adds for Pooled {
        #[transactional(db = self.pool)]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, text: String) -> Answer {
            Ok(note(&mut *tx, &text).await?)
        }
    }
    let db = open().await;
    let pool = db.pool().clone();
    assert_eq!(Pooled { pool }.add("a".to_owned()).await.unwrap(), 1);
}

#[tokio::test]
async fn async_trait_with_a_handle_behind_a_method() {
    struct Outer {
        inner: Repo,
    }
    #[async_trait]
    impl Adds for Outer {
        #[transactional(db = self.inner.db())]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, text: String) -> Answer {
            self.inner.flaky.pass()?;
            Ok(note(&mut *tx, &text).await?)
        }
    }
    let outer = Outer {
        inner: repo().await,
    };
    assert_eq!(outer.add("a".to_owned()).await.unwrap(), 1);
}

#[tokio::test]
async fn async_trait_without_a_session() {
    struct Unscoped(Repo);
    #[async_trait]
    impl Adds for Unscoped {
        #[db_op(idempotent, timeout = "5s")]
        async fn add(&self, text: String) -> Answer {
            self.0.flaky.pass()?;
            Ok(note(self.0.db.pool(), &text).await?)
        }
    }
    let repo = Unscoped(repo().await);
    assert_eq!(repo.add("a".to_owned()).await.unwrap(), 1);
    assert_eq!(repo.0.flaky.attempts(), 2);
}

#[tokio::test]
async fn async_trait_that_declares_a_scope() {
    #[async_trait]
    trait Joins {
        async fn add(&self, tx: impl Scope<Sqlite> + 'async_trait, text: &str) -> Answer;
    }
    #[async_trait]
    impl Joins for Flaky {
        #[transactional]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
            self.pass()?;
            Ok(note(&mut *tx, text).await?)
        }
    }
    let db = open().await;
    assert_eq!(Flaky::default().add(&db, "a").await.unwrap(), 1);
}

#[tokio::test]
async fn async_trait_with_patterns_generics_and_references_out() {
    #[async_trait]
    trait Shapes {
        async fn sum<'s, T>(&'s self, pair: (i64, T), list: &[T]) -> Answer<(&'s str, i64)>
        where
            T: Into<i64> + Copy + Send + Sync;
    }
    #[async_trait]
    impl Shapes for Repo {
        #[transactional(db = self.db)]
        async fn sum<'s, T>(
            &'s self,
            tx: &mut Tx<'_, Sqlite>,
            (a, b): (i64, T),
            list: &[T],
        ) -> Answer<(&'s str, i64)>
        where
            T: Into<i64> + Copy + Send + Sync,
        {
            self.flaky.pass()?;
            let sum = a + b.into() + list.iter().map(|&n| n.into()).sum::<i64>();
            Ok(("sum", echo(&mut *tx, sum).await?))
        }
    }
    let found = repo().await;
    assert_eq!(found.sum((1, 2_i32), &[3, 4]).await.unwrap(), ("sum", 10));
}

#[tokio::test]
async fn async_trait_without_send() {
    #[async_trait(?Send)]
    trait Local {
        async fn keep(&self, text: std::rc::Rc<str>) -> Answer;
    }
    #[async_trait(?Send)]
    impl Local for Repo {
        #[transactional(db = self.db)]
        async fn keep(&self, tx: &mut Tx<'_, Sqlite>, text: std::rc::Rc<str>) -> Answer {
            self.flaky.pass()?;
            Ok(note(&mut *tx, &text).await?)
        }
    }
    assert_eq!(repo().await.keep("a".into()).await.unwrap(), 1);
}

#[tokio::test]
async fn async_trait_with_a_default_body() {
    #[async_trait]
    trait Defaults: Sync {
        fn db(&self) -> &Db<Sqlite>;

        #[transactional(db = self.db())]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
            Ok(note(&mut *tx, text).await?)
        }
    }
    struct Holder(Db<Sqlite>);
    #[async_trait]
    impl Defaults for Holder {
        fn db(&self) -> &Db<Sqlite> {
            &self.0
        }
    }
    assert_eq!(Holder(open().await).add("a").await.unwrap(), 1);
}

#[tokio::test]
async fn a_method_that_returns_a_box_by_hand() {
    trait ByHand {
        fn add<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
    }
    impl ByHand for Repo {
        #[transactional(db = self.db)]
        fn add<'a>(
            &'a self,
            tx: &'a mut Tx<'_, Sqlite>,
            text: &'a str,
        ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
            Box::pin(async move {
                self.flaky.pass()?;
                Ok(note(&mut *tx, text).await?)
            })
        }
    }
    let repo: Box<dyn ByHand> = Box::new(repo().await);
    assert_eq!(repo.add("a").await.unwrap(), 1);
}
