//! Every kind of `self`, and none.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, Flaky, echo, note, notes, open};

#[derive(Debug, Default)]
struct Repo {
    base: i64,
    calls: i64,
    title: String,
    flaky: Flaky,
}

impl Repo {
    fn with(base: i64) -> Self {
        Self {
            base,
            title: "repo".to_owned(),
            ..Self::default()
        }
    }

    #[transactional]
    async fn shared(&self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        self.flaky.pass()?;
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[transactional]
    async fn exclusive(&mut self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        self.calls += 1;
        self.flaky.pass()?;
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[transactional(retry = never)]
    async fn consumed(self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer<(Self, i64)> {
        let found = echo(&mut *tx, self.base + n).await?;
        Ok((self, found))
    }

    #[db_op(retry = never)]
    async fn consumed_mut(mut self, conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer<Self> {
        self.calls = echo(&mut *conn, self.base + n).await?;
        Ok(self)
    }

    #[expect(clippy::needless_arbitrary_self_type, reason = "the shape")]
    #[transactional]
    async fn typed_shared(self: &Self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        self.flaky.pass()?;
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[expect(clippy::needless_arbitrary_self_type, reason = "the shape")]
    #[transactional]
    async fn typed_exclusive(self: &mut Self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        self.calls += 1;
        self.flaky.pass()?;
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[expect(clippy::needless_arbitrary_self_type, reason = "the shape")]
    #[transactional(retry = never)]
    async fn typed_value(self: Self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[transactional]
    async fn shared_arc(self: &Arc<Self>, tx: &mut Tx<'_, Sqlite>) -> Answer<Arc<Self>> {
        self.flaky.pass()?;
        echo(&mut *tx, self.base).await?;
        Ok(Arc::clone(self))
    }

    #[transactional(retry = never)]
    async fn arc(self: Arc<Self>, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[transactional(retry = never)]
    async fn boxed(self: Box<Self>, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer<(Self, i64)> {
        let found = echo(&mut *tx, self.base + n).await?;
        Ok((*self, found))
    }

    #[transactional(retry = never)]
    async fn rc(self: Rc<Self>, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, self.base + n).await?)
    }

    #[transactional]
    async fn pinned_exclusive(mut self: Pin<&mut Self>, tx: &mut Tx<'_, Sqlite>) -> Answer {
        self.as_mut().calls += 1;
        self.flaky.pass()?;
        Ok(echo(&mut *tx, self.base + self.calls).await?)
    }

    #[transactional]
    async fn pinned_shared(self: Pin<&Self>, tx: &mut Tx<'_, Sqlite>) -> Answer {
        self.flaky.pass()?;
        Ok(echo(&mut *tx, self.base).await?)
    }

    #[transactional(retry = never)]
    async fn pinned_box(self: Pin<Box<Self>>, tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, self.base).await?)
    }

    #[db_op]
    async fn borrowing<'a>(&'a self, conn: &mut Conn<'_, Sqlite>) -> Answer<&'a str> {
        echo(&mut *conn, self.base).await?;
        Ok(&self.title)
    }

    #[db_op]
    async fn borrowing_elided(&self, conn: &mut Conn<'_, Sqlite>) -> Answer<&str> {
        echo(&mut *conn, self.base).await?;
        Ok(&self.title)
    }

    #[transactional(retry = never)]
    async fn lending_out(&mut self, tx: &mut Tx<'_, Sqlite>) -> Answer<&mut i64> {
        self.calls = echo(&mut *tx, self.base).await?;
        Ok(&mut self.calls)
    }

    #[transactional]
    async fn associated(tx: &mut Tx<'_, Sqlite>, base: i64) -> Answer<Self> {
        Ok(Self::with(echo(&mut *tx, base).await?))
    }
}

#[derive(Clone, Copy, Debug)]
struct Id(i64);

impl Id {
    #[db_op(allow(no_session))]
    async fn copied_without_session(self, pool: &sqlx::SqlitePool) -> Answer {
        Ok(echo(pool, self.0).await?)
    }
}

#[tokio::test]
async fn a_shared_self() {
    let (db, repo) = (open().await, Repo::with(40));
    assert_eq!(repo.shared(&db, 2).await.unwrap(), 42);
    assert_eq!(repo.flaky.attempts(), 2);
}

#[tokio::test]
async fn an_exclusive_self_keeps_what_a_failed_attempt_wrote() {
    let (db, mut repo) = (open().await, Repo::with(40));
    assert_eq!(repo.exclusive(&db, 2).await.unwrap(), 42);
    assert_eq!(repo.calls, 2);
}

#[tokio::test]
async fn a_consumed_self() {
    let (repo, found) = Repo::with(40).consumed(&open().await, 2).await.unwrap();
    assert_eq!((repo.base, found), (40, 42));
}

#[tokio::test]
async fn a_consumed_mutable_self() {
    let repo = Repo::with(40).consumed_mut(&open().await, 2).await;
    assert_eq!(repo.unwrap().calls, 42);
}

#[tokio::test]
async fn a_typed_shared_self() {
    let (db, repo) = (open().await, Repo::with(40));
    assert_eq!(repo.typed_shared(&db, 2).await.unwrap(), 42);
    assert_eq!(repo.flaky.attempts(), 2);
}

#[tokio::test]
async fn a_typed_exclusive_self() {
    let (db, mut repo) = (open().await, Repo::with(40));
    assert_eq!(repo.typed_exclusive(&db, 2).await.unwrap(), 42);
    assert_eq!(repo.calls, 2);
}

#[tokio::test]
async fn a_typed_self_by_value() {
    let found = Repo::with(40).typed_value(&open().await, 2).await;
    assert_eq!(found.unwrap(), 42);
}

#[tokio::test]
async fn a_shared_arc_of_self() {
    let (db, repo) = (open().await, Arc::new(Repo::with(40)));
    let same = repo.shared_arc(&db).await.unwrap();
    assert!(Arc::ptr_eq(&repo, &same));
    assert_eq!(repo.flaky.attempts(), 2);
}

#[tokio::test]
async fn an_arc_of_self_in_a_task_of_its_own() {
    let (db, repo) = (open().await, Arc::new(Repo::with(40)));
    let task = tokio::spawn(async move { repo.arc(&db, 2).await });
    assert_eq!(task.await.unwrap().unwrap(), 42);
}

#[tokio::test]
async fn a_boxed_self() {
    let (repo, found) = Box::new(Repo::with(40))
        .boxed(&open().await, 2)
        .await
        .unwrap();
    assert_eq!((repo.base, found), (40, 42));
}

#[tokio::test]
async fn an_rc_of_self() {
    let repo = Rc::new(Repo::with(40));
    assert_eq!(repo.rc(&open().await, 2).await.unwrap(), 42);
}

#[tokio::test]
async fn a_pinned_exclusive_self() {
    let (db, mut repo) = (open().await, Repo::with(40));
    let found = Pin::new(&mut repo).pinned_exclusive(&db).await;
    assert_eq!(found.unwrap(), 42);
}

#[tokio::test]
async fn a_pinned_shared_self() {
    let (db, repo) = (open().await, Repo::with(40));
    assert_eq!(Pin::new(&repo).pinned_shared(&db).await.unwrap(), 40);
    assert_eq!(repo.flaky.attempts(), 2);
}

#[tokio::test]
async fn a_pinned_box_of_self() {
    let repo = Box::pin(Repo::with(40));
    assert_eq!(repo.pinned_box(&open().await).await.unwrap(), 40);
}

#[tokio::test]
async fn a_reference_into_a_named_self() {
    let repo = Repo::with(40);
    let title = repo.borrowing(&open().await).await.unwrap();
    assert_eq!(title, "repo");
}

#[tokio::test]
async fn a_reference_into_an_elided_self() {
    let repo = Repo::with(40);
    let title = repo.borrowing_elided(&open().await).await.unwrap();
    assert_eq!(title, "repo");
}

#[tokio::test]
async fn a_mutable_reference_into_self() {
    let mut repo = Repo::with(40);
    *repo.lending_out(&open().await).await.unwrap() += 2;
    assert_eq!(repo.calls, 42);
}

#[tokio::test]
async fn an_associated_function() {
    let repo = Repo::associated(&open().await, 40).await.unwrap();
    assert_eq!(repo.base, 40);
}

#[tokio::test]
async fn a_copied_self_without_a_session() {
    let db = open().await;
    assert_eq!(Id(7).copied_without_session(db.pool()).await.unwrap(), 7);
}

#[tokio::test]
async fn a_method_that_calls_another_on_the_same_session() {
    struct Notes;
    impl Notes {
        #[transactional]
        async fn one(&self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
            Ok(note(&mut *tx, text).await?)
        }

        #[transactional]
        async fn two(&self, tx: &mut Tx<'_, Sqlite>) -> Answer {
            self.one(&mut *tx, "a").await?;
            self.one(&mut *tx, "b").await
        }
    }
    let db = open().await;
    assert_eq!(Notes.two(&db).await.unwrap(), 2);
    assert_eq!(notes(&db).await, 2);
}
