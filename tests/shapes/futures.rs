//! The futures of the functions. They are `Send` whenever hand-written ones would be, and never
//! demand more.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use dbop::{Conn, Db, Scope, Tx, db_op, transactional};
use sqlx::{Sqlite, SqlitePool};

use crate::common::{Answer, AppError, Flaky, echo, note, open};

#[transactional]
async fn with_references(
    tx: &mut Tx<'_, Sqlite>,
    text: &str,
    list: &[String],
    shown: &(dyn std::fmt::Display + Sync),
    flaky: &Flaky,
) -> Answer<String> {
    flaky.pass()?;
    let n = echo(&mut *tx, 1).await?;
    note(&mut *tx, text).await?;
    Ok(format!("{text}{n}{}{shown}", list.len()))
}

#[tokio::test]
async fn a_transaction_in_a_task() {
    let task = tokio::spawn(async {
        let (db, flaky, list) = (open().await, Flaky::default(), vec![String::new()]);
        with_references(&db, "a", &list, &2.5, &flaky).await
    });
    assert_eq!(task.await.unwrap().unwrap(), "a112.5");
}

#[tokio::test]
async fn joins_and_savepoints_in_a_task() {
    #[transactional]
    async fn outer(tx: &mut Tx<'_, Sqlite>, texts: &[&str]) -> Answer<usize> {
        let flaky = Flaky::default();
        for text in texts {
            flaky.pass().ok();
            with_references(&mut *tx, text, &[], &1, &flaky).await?;
        }
        let insert = async |sp: &mut Tx<'_, Sqlite>| -> Answer { Ok(note(&mut *sp, "sp").await?) };
        tx.savepoint(insert).await?;
        Ok(texts.len())
    }
    let task = tokio::spawn(async { outer(&open().await, &["a", "b"]).await });
    assert_eq!(task.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn operations_without_a_session_in_a_task() {
    #[db_op(read_only, allow(no_session))]
    async fn f(pool: SqlitePool, text: String) -> Answer<String> {
        echo(&pool, 1).await?;
        Ok(text)
    }
    let task = tokio::spawn(async { f(open().await.pool().clone(), "a".to_owned()).await });
    assert_eq!(task.await.unwrap().unwrap(), "a");
}

#[tokio::test]
async fn methods_of_shared_values_in_a_task() {
    struct Repo {
        db: Db<Sqlite>,
        counts: std::sync::Mutex<i64>,
    }
    impl Repo {
        #[transactional(db = self.db)]
        async fn add(&self, tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
            let n = echo(&mut *tx, n).await?;
            let mut counts = self.counts.lock().unwrap();
            *counts += n;
            Ok(*counts)
        }

        #[db_op(db = self.db)]
        async fn exclusive(&mut self, conn: &mut Conn<'_, Sqlite>) -> Answer {
            Ok(echo(&mut *conn, 1).await?)
        }
    }
    let repo = Arc::new(Repo {
        db: open().await,
        counts: std::sync::Mutex::new(0),
    });
    let tasks = [1, 2].map(|n| {
        let repo = Arc::clone(&repo);
        tokio::spawn(async move { repo.add(n).await })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(*repo.counts.lock().unwrap(), 3);
    let mut repo = Arc::into_inner(repo).unwrap();
    let task = tokio::spawn(async move { repo.exclusive().await });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn generic_functions_in_a_task() {
    #[transactional]
    async fn f<T>(tx: &mut Tx<'_, Sqlite>, n: T, map: impl Fn(i64) -> T + Clone + Send) -> Answer<T>
    where
        T: Into<i64> + Clone + Send,
    {
        Ok(map(echo(&mut *tx, n.into()).await?))
    }
    async fn through<S: Scope<Sqlite>>(scope: S) -> Answer {
        f(scope, 1, |n| n + 1).await
    }
    let task = tokio::spawn(async { through(&open().await).await });
    assert_eq!(task.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn arguments_that_are_send_but_not_sync() {
    #[transactional(retry = never)]
    async fn f<T: ToString + Send>(tx: &mut Tx<'_, Sqlite>, value: T) -> Answer<String> {
        echo(&mut *tx, 1).await?;
        Ok(value.to_string())
    }
    #[db_op(allow(no_session))]
    async fn g(pool: &SqlitePool, cell: RefCell<i64>) -> Answer {
        let n = cell.replace(2);
        echo(pool, n + cell.replace(3)).await?;
        Ok(cell.into_inner())
    }
    let task = tokio::spawn(async {
        let shown: Box<dyn std::fmt::Display + Send> = Box::new(2.5);
        let db = open().await;
        (
            f(&db, shown).await.unwrap(),
            g(db.pool(), RefCell::new(1)).await.unwrap(),
        )
    });
    assert_eq!(task.await.unwrap(), ("2.5".to_owned(), 3));
}

#[tokio::test]
async fn rows_as_tuples_in_a_task() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer<Vec<(i64, String)>> {
        let rows = sqlx::query_as("SELECT 1, 'a'");
        Ok(rows.fetch_all(&mut *tx).await?)
    }
    let task = tokio::spawn(async { f(&open().await).await });
    assert_eq!(task.await.unwrap().unwrap(), [(1, "a".to_owned())]);
}

#[tokio::test]
async fn arguments_that_are_not_send() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, cell: Rc<RefCell<Vec<i64>>>, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        let n = echo(&mut *tx, 1).await?;
        cell.borrow_mut().push(n);
        Ok(n)
    }
    let cell = Rc::new(RefCell::new(Vec::new()));
    let found = f(&open().await, Rc::clone(&cell), &Flaky::default()).await;
    assert_eq!((found.unwrap(), cell.take()), (1, vec![1]));
}

#[tokio::test]
async fn bodies_and_results_that_are_not_send() {
    #[db_op]
    async fn f(conn: &mut Conn<'_, Sqlite>) -> Answer<Rc<i64>> {
        let local = Rc::new(1);
        let n = echo(&mut *conn, *local).await?;
        Ok(Rc::new(n + *local))
    }
    assert_eq!(*f(&open().await).await.unwrap(), 2);
}

#[tokio::test]
async fn errors_that_are_not_send() {
    #[derive(Debug, thiserror::Error, dbop::DbError)]
    enum Local {
        #[error("{0}")]
        Own(Rc<str>),
        #[error(transparent)]
        Database(#[from] dbop::Error),
    }
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Result<i64, Local> {
        let n = echo(&mut *tx, 1).await?;
        Err(Local::Own(n.to_string().into()))
    }
    let error = f(&open().await).await.unwrap_err();
    assert!(matches!(error, Local::Own(text) if &*text == "1"));
}

#[tokio::test]
async fn many_at_once() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, n).await?)
    }
    let db = open().await;
    let found: Result<Vec<_>, AppError> =
        futures_util::future::try_join_all((0..8).map(|n| f(&db, n))).await;
    assert_eq!(found.unwrap().into_iter().sum::<i64>(), 28);
}
