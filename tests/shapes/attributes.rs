//! Attributes and visibilities around the annotated function.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, Flaky, echo, open};

#[tokio::test]
async fn must_use() {
    #[must_use = "the answer"]
    #[transactional]
    async fn above(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    #[transactional]
    #[must_use = "the answer"]
    async fn below(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    let db = open().await;
    assert_eq!(above(&db).await.unwrap() + below(&db).await.unwrap(), 2);
}

#[tokio::test]
async fn track_caller_on_a_function_that_returns_a_future() {
    #[transactional]
    #[track_caller]
    fn f<'a>(
        tx: &'a mut Tx<'_, Sqlite>,
    ) -> impl Future<Output = Answer<&'static std::panic::Location<'static>>> + Send + 'a {
        let caller = std::panic::Location::caller();
        async move {
            echo(&mut *tx, 1).await?;
            Ok(caller)
        }
    }
    let db = open().await;
    let (line, found) = (line!(), f(&db).await.unwrap());
    assert_eq!((found.file(), found.line()), (file!(), line));
}

#[tokio::test]
async fn expected_dead_code() {
    #[expect(dead_code, reason = "the shape")]
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    #[db_op]
    #[expect(dead_code, reason = "the shape")]
    async fn g(conn: &mut Conn<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *conn, 1).await?)
    }
}

#[tokio::test]
async fn deprecated() {
    #[deprecated(since = "1.0.0", note = "the shape")]
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    #[expect(deprecated, reason = "the shape")]
    let call = f;
    assert_eq!(call(&open().await).await.unwrap(), 1);
}

/// Above.
#[doc = "In a macro's way."]
#[transactional]
/// Below.
#[doc(alias = "documented")]
pub(crate) async fn documented_function(tx: &mut Tx<'_, Sqlite>) -> Answer {
    Ok(echo(&mut *tx, 1).await?)
}

#[tokio::test]
async fn documented() {
    assert_eq!(documented_function(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn inlined_and_cold() {
    #[inline]
    #[transactional]
    #[cold]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn conditional_attributes() {
    #[cfg(not(any()))]
    #[cfg_attr(not(any()), transactional(name = "attributes.conditional"))]
    #[cfg_attr(any(), missing)]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, 1).await?)
    }
    #[transactional]
    #[cfg(any())]
    async fn gone(tx: &mut Tx<'_, Missing>) -> Answer {}
    assert_eq!(f(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn lint_levels() {
    #[allow(clippy::unused_async)]
    #[transactional]
    #[warn(unused_must_use)]
    #[expect(unused_variables, reason = "the shape")]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        let unread = 1;
        Ok(echo(&mut *tx, 1).await?)
    }
    assert_eq!(f(&open().await, 0).await.unwrap(), 1);
}

#[tokio::test]
async fn instrumented_above() {
    #[tracing::instrument(skip(tx, secret), fields(id = id, length = secret.len()), err, ret)]
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, id: i64, secret: String, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        drop(secret);
        Ok(echo(&mut *tx, id).await?)
    }
    let found = f(&open().await, 1, "s".to_owned(), &Flaky::default()).await;
    assert_eq!(found.unwrap(), 1);
}

#[tokio::test]
async fn instrumented_below() {
    #[transactional]
    #[tracing::instrument(name = "below", skip(secret), fields(id, length = secret.len()), err)]
    async fn f(tx: &mut Tx<'_, Sqlite>, id: i64, secret: String, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        drop(secret);
        Ok(echo(&mut *tx, id).await?)
    }
    let found = f(&open().await, 1, "s".to_owned(), &Flaky::default()).await;
    assert_eq!(found.unwrap(), 1);
}

#[tokio::test]
async fn instrumented_methods() {
    #[derive(Debug)]
    struct Repo {
        base: i64,
    }
    impl Repo {
        #[tracing::instrument(skip_all, fields(base = self.base))]
        #[db_op(read_only)]
        async fn above(&self, conn: &mut Conn<'_, Sqlite>, (a, b): (i64, i64)) -> Answer {
            Ok(echo(&mut *conn, self.base + a + b).await?)
        }

        #[db_op(read_only)]
        #[tracing::instrument(skip(self))]
        async fn below(&self, conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
            Ok(echo(&mut *conn, self.base + n).await?)
        }
    }
    let (db, repo) = (open().await, Repo { base: 1 });
    assert_eq!(repo.above(&db, (2, 3)).await.unwrap(), 6);
    assert_eq!(repo.below(&db, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn instrumented_without_a_session() {
    #[db_op(read_only, allow(no_session))]
    #[tracing::instrument(skip(pool), err)]
    async fn below(pool: &sqlx::SqlitePool, n: i64) -> Answer {
        Ok(echo(pool, n).await?)
    }
    #[tracing::instrument(skip(pool), err)]
    #[db_op(idempotent, allow(no_session))]
    async fn above(pool: &sqlx::SqlitePool, n: i64) -> Answer {
        Ok(echo(pool, n).await?)
    }
    let db = open().await;
    assert_eq!(below(db.pool(), 1).await.unwrap(), 1);
    assert_eq!(above(db.pool(), 1).await.unwrap(), 1);
}

mod visible {
    use super::{Answer, Sqlite, Tx, echo, transactional};

    pub(super) mod inner {
        use super::{Answer, Sqlite, Tx, echo, transactional};

        #[transactional]
        pub(super) async fn to_parent(tx: &mut Tx<'_, Sqlite>) -> Answer {
            private(&mut *tx).await
        }

        #[transactional]
        pub(in crate::attributes) async fn to_path(tx: &mut Tx<'_, Sqlite>) -> Answer {
            private(&mut *tx).await
        }

        #[transactional]
        pub(crate) async fn to_crate(tx: &mut Tx<'_, Sqlite>) -> Answer {
            private(&mut *tx).await
        }

        #[expect(clippy::needless_pub_self, reason = "the shape")]
        #[transactional]
        pub(self) async fn private(tx: &mut Tx<'_, Sqlite>) -> Answer {
            Ok(echo(&mut *tx, 1).await?)
        }
    }

    #[transactional]
    pub(super) async fn parent(tx: &mut Tx<'_, Sqlite>) -> Answer {
        inner::to_parent(&mut *tx).await
    }
}

#[tokio::test]
async fn all_visibilities() {
    let db = open().await;
    let found = [
        visible::parent(&db).await,
        visible::inner::to_path(&db).await,
        visible::inner::to_crate(&db).await,
    ];
    assert!(found.into_iter().all(|found| matches!(found, Ok(1))));
}
