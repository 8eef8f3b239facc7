//! Forms of functions: receivers, arguments, results and futures.

use std::pin::Pin;
use std::sync::Arc;

use dbop::{AnyDb, AnyScope, Conn, Tx, db_op, transactional};
use futures_util::future::BoxFuture;

use super::super::notes::{self as table, Runs, Trouble, stored};
use super::{any, note, notes};

#[derive(Clone, Debug)]
struct Notebook {
    db: AnyDb,
    written: usize,
}

impl Notebook {
    fn new(db: AnyDb) -> Self {
        Self { db, written: 0 }
    }

    #[transactional(on = [Sqlite, Postgres], db = self.db)]
    async fn write(&self, tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Trouble> {
        Self::by_nobody(&mut *tx, id).await
    }

    #[transactional(on = [Sqlite, Postgres])]
    async fn by_nobody(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Trouble> {
        note(&mut *tx, id).await
    }

    #[transactional(on = [Sqlite, Postgres], db = self.db.clone())]
    async fn by_mutable(
        &mut self,
        tx: &mut Tx<'_, DB>,
        id: i64,
        runs: &Runs,
    ) -> Result<(), Trouble> {
        note(&mut *tx, id).await?;
        if runs.next() == 1 {
            return Err(Trouble::NotNow);
        }
        let mut add = |more: usize| self.written += more;
        add(1);
        Ok(())
    }

    #[transactional(on = [Sqlite, Postgres], retry = never)]
    async fn by_value(mut self, tx: &mut Tx<'_, DB>, id: i64) -> Result<Self, Trouble> {
        note(&mut *tx, id).await?;
        self.written += 1;
        Ok(self)
    }

    #[transactional(on = [Sqlite, Postgres], retry = never)]
    async fn by_box(self: Box<Self>, tx: &mut Tx<'_, DB>, id: i64) -> Result<usize, Trouble> {
        note(&mut *tx, id).await?;
        Ok(self.written)
    }

    #[transactional(on = [Sqlite, Postgres], retry = never, db = self.db.clone())]
    async fn by_arc(self: Arc<Self>, tx: &mut Tx<'_, DB>, id: i64) -> Result<usize, Trouble> {
        note(&mut *tx, id).await?;
        Ok(self.written)
    }

    #[transactional(on = [Sqlite, Postgres])]
    async fn by_pin(
        mut self: Pin<&mut Self>,
        tx: &mut Tx<'_, DB>,
        id: i64,
    ) -> Result<usize, Trouble> {
        note(&mut *tx, id).await?;
        self.written += 1;
        Ok(self.written)
    }
}

#[tokio::test]
async fn methods_have_any_receiver() {
    let db = table::open().await;
    let mut notebook = Notebook::new(any(&db));
    notebook.write(1).await.unwrap();
    notebook.by_mutable(2, &Runs::default()).await.unwrap();
    assert_eq!(notebook.written, 1, "the first run had no effect");
    let mut notebook = notebook.by_value(&any(&db), 3).await.unwrap();
    assert_eq!(notebook.written, 2);
    let written = Pin::new(&mut notebook).by_pin(&any(&db), 4).await;
    assert_eq!(written.unwrap(), 3);
    let boxed = Box::new(notebook.clone());
    assert_eq!(boxed.by_box(&*db, 5).await.unwrap(), 3);
    assert_eq!(Arc::new(notebook).by_arc(6).await.unwrap(), 3);
    Notebook::by_nobody(db.pool(), 7).await.unwrap();
    assert_eq!(stored(&db).await, [1, 2, 3, 4, 5, 6, 7]);
}

#[async_trait::async_trait]
trait Store: Send + Sync {
    async fn store(&self, id: i64) -> Result<Vec<i64>, Trouble>;
}

#[async_trait::async_trait]
impl Store for Notebook {
    #[transactional(on = [Sqlite, Postgres], db = self.db)]
    async fn store(&self, tx: &mut Tx<'_, DB>, id: i64) -> Result<Vec<i64>, Trouble> {
        note(&mut *tx, id).await?;
        notes(&mut *tx).await
    }
}

trait StoreOn {
    async fn store_on(&self, tx: impl AnyScope, id: i64) -> Result<Vec<i64>, Trouble>;
}

impl StoreOn for Notebook {
    #[transactional(on = [Sqlite, Postgres])]
    async fn store_on(&self, tx: &mut Tx<'_, DB>, id: i64) -> Result<Vec<i64>, Trouble> {
        note(&mut *tx, id).await?;
        notes(&mut *tx).await
    }
}

#[tokio::test]
async fn methods_of_traits_are_implemented() {
    let db = table::open().await;
    let notebook = Notebook::new(any(&db));
    let store: &dyn Store = &notebook;
    assert_eq!(store.store(1).await.unwrap(), [1]);
    assert_eq!(notebook.store_on(&any(&db), 2).await.unwrap(), [1, 2]);
    assert_eq!(notebook.store_on(&*db, 3).await.unwrap(), [1, 2, 3]);
}

#[transactional(on = [Sqlite, Postgres])]
async fn mapped(
    tx: &mut Tx<'_, DB>,
    ids: impl IntoIterator<Item = i64> + Clone + Send,
    map: impl Fn(i64) -> i64 + Clone + Send,
) -> Result<(), Trouble> {
    let ids: Vec<_> = ids.into_iter().collect();
    for id in ids {
        note(&mut *tx, map(id)).await?;
    }
    Ok(())
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn first_of<'a, T: Sync, const N: usize>(
    conn: &mut Conn<'_, DB>,
    all: &'a [T; N],
    name: &'a str,
) -> Result<(&'a T, &'a str), Trouble> {
    notes(&mut *conn).await?;
    Ok((&all[0], &name[..1]))
}

#[transactional(on = [Sqlite, Postgres])]
fn boxed<'a>(
    tx: &mut Tx<'_, DB>,
    id: i64,
    name: &'a str,
) -> BoxFuture<'a, Result<&'a str, Trouble>> {
    Box::pin(async move {
        note(&mut *tx, id).await?;
        Ok(name)
    })
}

#[allow(clippy::manual_async_fn)]
#[transactional(on = [Sqlite, Postgres])]
fn returned<'a>(
    tx: &mut Tx<'_, DB>,
    id: i64,
    name: &'a str,
) -> impl Future<Output = Result<&'a str, Trouble>> + Send + 'a {
    async move {
        note(&mut *tx, id).await?;
        Ok(name)
    }
}

#[tokio::test]
async fn arguments_are_generic_and_results_borrow_from_them() {
    let db = table::open().await;
    let any = any(&db);
    mapped(&any, [1, 2], |id| id * 10).await.unwrap();
    let name = "name".to_owned();
    let first = first_of(&any, &["x", "y"], &name).await.unwrap();
    assert_eq!(first, (&"x", "n"));
    assert_eq!(boxed(&any, 1, &name).await.unwrap(), "name");
    assert_eq!(boxed(&*db, 2, &name).await.unwrap(), "name");
    assert_eq!(returned(&any, 3, &name).await.unwrap(), "name");
    assert_eq!(stored(&db).await, [1, 2, 3, 10, 20]);
}

#[transactional(on = [Sqlite, Postgres])]
fn count_down<'a>(tx: &'a mut Tx<'_, DB>, id: i64) -> BoxFuture<'a, Result<(), Trouble>> {
    Box::pin(async move {
        note(&mut *tx, id).await?;
        match id {
            1 => Ok(()),
            _ => count_down(&mut *tx, id - 1).await,
        }
    })
}

#[tokio::test]
async fn calls_run_in_tasks() {
    let db = table::open().await;
    let (notebook, one) = (Notebook::new(any(&db)), db.db.clone());
    let any = any(&db);
    let task = tokio::spawn(async move {
        count_down(&any, 3).await?;
        boxed(&any, 4, "four").await?;
        returned(&one, 5, "five").await?;
        notebook.write(6).await?;
        mapped(&one, [7], |id| id).await
    });
    task.await.unwrap().unwrap();
    assert_eq!(stored(&db).await, [1, 2, 3, 4, 5, 6, 7]);
}
