//! What callers may pass, and functions to which nothing needs to be passed.

use std::sync::Arc;

use dbop::{Conn, Db, Scope, Tx, db_op, transactional};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool};

use crate::common::{Answer, Flaky, echo, note, notes, open};

#[db_op]
async fn read(conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
    Ok(echo(&mut *conn, n).await?)
}

#[transactional]
async fn write(tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
    Ok(note(&mut *tx, text).await?)
}

#[tokio::test]
async fn a_handle_a_shared_handle_and_a_pool() {
    let db = open().await;
    let shared = Arc::new(db.clone());
    let total = read(&db, 1).await.unwrap()
        + read(&shared, 2).await.unwrap()
        + read(db.pool(), 3).await.unwrap();
    assert_eq!(total, 6);
    write(&db, "a").await.unwrap();
    write(&shared, "b").await.unwrap();
    write(db.pool(), "c").await.unwrap();
    assert_eq!(notes(&db).await, 3);
}

#[tokio::test]
async fn a_connection_of_the_driver() {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    assert_eq!(read(&mut conn, 1).await.unwrap(), 1);
    assert_eq!(read(&mut conn, 2).await.unwrap(), 2);
}

#[tokio::test]
async fn a_transaction_a_session_and_references_to_them() {
    #[transactional]
    async fn outer(mut tx: &mut Tx<'_, Sqlite>) -> Answer {
        let one = read(&mut *tx, 1).await?;
        let two = read(&mut tx, 2).await?;
        write(&mut *tx, "a").await?;
        Ok(one + two)
    }
    #[db_op]
    async fn session(mut conn: &mut Conn<'_, Sqlite>) -> Answer {
        let one = read(&mut *conn, 1).await?;
        let two = read(&mut conn, 2).await?;
        Ok(one + two)
    }
    let db = open().await;
    assert_eq!(outer(&db).await.unwrap(), 3);
    assert_eq!(session(&db).await.unwrap(), 3);
    assert_eq!(notes(&db).await, 1);
}

#[tokio::test]
async fn a_scope_passed_through_by_a_plain_function() {
    async fn through(scope: impl Scope<Sqlite>, text: &str) -> Answer {
        write(scope, text).await
    }
    let db = open().await;
    through(&db, "a").await.unwrap();
    assert_eq!(notes(&db).await, 1);
}

#[derive(Debug)]
struct Repo {
    pool: SqlitePool,
    db: Db<Sqlite>,
    flaky: Flaky,
}

impl Repo {
    #[db_op(allow(no_session))]
    async fn own_pool(&self, n: i64) -> Answer {
        Ok(echo(&self.pool, n).await?)
    }

    #[db_op(read_only, allow(no_session))]
    async fn own_pool_replayed(&self, (a, b): (i64, String)) -> Answer<String> {
        self.flaky.pass()?;
        Ok(b + &echo(&self.pool, a).await?.to_string())
    }

    #[db_op(allow(no_session))]
    async fn own_pool_with_anything(&mut self, list: &mut Vec<i64>, n: i64) -> Answer<&mut Flaky> {
        list.push(echo(&self.pool, n).await?);
        Ok(&mut self.flaky)
    }

    #[transactional(db = self.db)]
    async fn own_handle(&self, tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
        self.flaky.pass()?;
        Ok(note(&mut *tx, text).await?)
    }

    #[db_op(db = &self.db)]
    async fn own_handle_by_reference(&self, conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *conn, n).await?)
    }

    #[transactional(db = self.db, retry = never)]
    async fn own_handle_exclusive(&mut self, tx: &mut Tx<'_, Sqlite>) -> Answer<&mut Flaky> {
        note(&mut *tx, "a").await?;
        Ok(&mut self.flaky)
    }
}

async fn repo() -> Repo {
    let db = open().await;
    Repo {
        pool: db.pool().clone(),
        db,
        flaky: Flaky::default(),
    }
}

#[tokio::test]
async fn a_pool_argument() {
    #[db_op(allow(no_session))]
    async fn f(pool: &SqlitePool, n: i64) -> Answer {
        Ok(echo(pool, n).await?)
    }
    assert_eq!(f(open().await.pool(), 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_pool_argument_replayed() {
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
async fn a_transaction_of_the_driver_as_argument() {
    #[db_op]
    async fn f(tx: &mut sqlx::Transaction<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut **tx, n).await?)
    }
    let db = open().await;
    let mut tx = db.pool().begin().await.unwrap();
    assert_eq!(f(&mut tx, 1).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_pool_in_self() {
    let mut repo = repo().await;
    assert_eq!(repo.own_pool(1).await.unwrap(), 1);
    let found = repo.own_pool_replayed((1, "n".to_owned())).await.unwrap();
    assert_eq!((found.as_str(), repo.flaky.attempts()), ("n1", 2));
    let mut list = Vec::new();
    let flaky = repo.own_pool_with_anything(&mut list, 3).await.unwrap();
    assert_eq!(flaky.attempts(), 2);
    assert_eq!(list, [3]);
}

#[tokio::test]
async fn a_handle_in_self() {
    let mut repo = repo().await;
    assert_eq!(repo.own_handle("a").await.unwrap(), 1);
    assert_eq!(repo.own_handle_by_reference(2).await.unwrap(), 2);
    let flaky = repo.own_handle_exclusive().await.unwrap();
    assert_eq!(flaky.attempts(), 2);
    assert_eq!(notes(&repo.db).await, 2);
}

#[tokio::test]
async fn a_handle_in_an_argument_or_a_static() {
    static DB: tokio::sync::OnceCell<Db<Sqlite>> = tokio::sync::OnceCell::const_new();
    #[transactional(db = handle)]
    async fn argument(
        handle: &Db<Sqlite>,
        #[session] tx: &mut Tx<'_, Sqlite>,
        text: &str,
    ) -> Answer {
        Ok(note(&mut *tx, text).await?)
    }
    #[transactional(db = DB.get_or_init(open).await)]
    async fn global(tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer {
        Ok(note(&mut *tx, text).await?)
    }
    let db = open().await;
    let argument = argument(&db, "a").await;
    assert_eq!((argument.unwrap(), notes(&db).await), (1, 1));
    assert_eq!(global("a").await.unwrap(), 1);
}
