//! `tx: Option<&mut Transaction>`: the function runs in it, or opens its own; and `impl Acquire`.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use dbop::transactional;
use sqlx::Transaction;

use super::*;

struct Notes {
    pool: Pool<Database>,
    runs: AtomicU32,
}

impl Notes {
    fn of(world: &World) -> Self {
        Self {
            pool: world.pool().clone(),
            runs: AtomicU32::default(),
        }
    }

    #[transactional(db = self.pool)]
    async fn add(
        &self,
        id: i64,
        tx: Option<&mut Transaction<'_, Database>>,
        text: String,
    ) -> Result<String, Trouble> {
        match tx {
            Some(tx) => insert(&mut **tx, id).await?,
            None => insert(&self.pool, id).await?,
        };
        if self.runs.fetch_add(1, SeqCst) == 0 {
            return Err(Trouble::NotNow);
        }
        Ok(text)
    }
}

#[tokio::test]
async fn without_a_transaction_the_function_gets_one_and_is_replayed() {
    let world = World::open().await;
    let notes = Notes::of(&world);
    let text = notes.add(1, None, "a".to_owned()).await.unwrap();
    assert_eq!((&*text, notes.runs.load(SeqCst)), ("a", 2));
    assert_eq!(world.notes().await, [1]);
}

#[tokio::test]
async fn in_a_transaction_of_the_callers_the_function_runs_once_and_undoes_its_own_work_only() {
    let world = World::open().await;
    let notes = Notes::of(&world);
    let mut tx = world.pool().begin().await.unwrap();
    insert(&mut *tx, 1).await.unwrap();
    let error = notes.add(2, Some(&mut tx), String::new()).await;
    assert!(matches!(error, Err(Trouble::NotNow)), "{error:?}");
    notes.add(3, Some(&mut tx), String::new()).await.unwrap();
    notes.add(4, Some(&mut tx), String::new()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.notes().await, [1, 3, 4]);
    let mut tx = world.pool().begin().await.unwrap();
    notes.add(5, Some(&mut tx), String::new()).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(world.notes().await, [1, 3, 4]);
}

#[transactional(db = pool)]
async fn free(
    pool: &Pool<Database>,
    tx: Option<&mut Transaction<'_, Database>>,
    ids: &[i64],
) -> sqlx::Result<usize> {
    let Some(tx) = tx else {
        return Ok(0);
    };
    for id in ids {
        #[dbop::allow(query_in_loop)]
        insert(&mut **tx, *id).await?;
    }
    Ok(ids.len())
}

#[tokio::test]
async fn a_function_that_takes_its_pool_as_well() {
    let world = World::open().await;
    let spawned = {
        let pool = world.pool().clone();
        tokio::spawn(async move { free(&pool, None, &[1, 2]).await })
    };
    assert_eq!(spawned.await.unwrap().unwrap(), 2);
    free(world.pool(), None, &[3, 1]).await.unwrap_err();
    assert_eq!(world.notes().await, [1, 2]);
}

unchanged!(an_acquired_connection, #[dbop::db_op] {
    async fn f(db: impl Acquire<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        let mut conn = db.acquire().await?;
        count(&mut *conn).await?;
        insert(&mut *conn, id).await
    }
} async |world: &World| -> Called {
    f(world.pool(), 1).await?;
    let mut tx = world.pool().begin().await?;
    f(&mut tx, 2).await?;
    f(&mut *tx, 3).await?;
    tx.commit().await?;
    let mut conn = world.pool().acquire().await?;
    f(&mut *conn, 4).await?;
    drop(conn);
    assert_eq!(world.notes().await, [1, 2, 3, 4]);
    Ok(())
});

unchanged!(an_acquired_transaction, #[dbop::db_op(allow(manual_transaction))] {
    async fn f<'a, A>(db: A, id: i64) -> sqlx::Result<i64>
    where
        A: Acquire<'a, Database = Database> + Send,
    {
        let mut tx = db.begin().await?;
        let id = insert(&mut *tx, id).await?;
        tx.commit().await?;
        Ok(id)
    }
} async |world: &World| -> Called {
    f(world.pool(), 1).await?;
    let mut tx = world.pool().begin().await?;
    f(&mut tx, 2).await?;
    tx.commit().await?;
    let mut tx = world.pool().begin().await?;
    f(&mut tx, 3).await?;
    tx.rollback().await?;
    assert_eq!(world.notes().await, [1, 2]);
    Ok(())
});
