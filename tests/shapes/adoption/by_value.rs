//! `executor: impl Executor`, in every way to write it.

use futures_util::TryStreamExt;
use sqlx::{Executor, FromRow};

use super::*;

/// Calls `f(executor, id)` with everything that is an executor.
macro_rules! every_executor {
    ($f:ident) => {
        async |world: &World| -> Called {
            let pool = world.pool();
            $f(pool, 1).await?;
            $f(&pool.clone(), 2).await?;
            let mut conn = pool.acquire().await?;
            $f(&mut *conn, 3).await?;
            $f(conn.as_mut(), 4).await?;
            let mut tx = conn.begin().await?;
            $f(&mut *tx, 5).await?;
            $f(tx.as_mut(), 6).await?;
            tx.commit().await?;
            let mut tx = conn.begin().await?;
            $f(&mut *tx, 7).await?;
            tx.rollback().await?;
            drop(conn);
            assert_eq!(world.notes().await, [1, 2, 3, 4, 5, 6]);
            Ok(())
        }
    };
}

unchanged!(an_opaque_executor, #[dbop::db_op] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        insert(executor, id).await
    }
} every_executor!(f));

unchanged!(an_executor_with_a_name, #[dbop::db_op] {
    async fn f<'e, E: Executor<'e, Database = Database>>(executor: E, id: i64) -> sqlx::Result<i64> {
        insert(executor, id).await
    }
} every_executor!(f));

unchanged!(an_executor_with_bounds_in_the_where_clause, #[dbop::db_op] {
    async fn f<'c, E>(executor: E, id: i64) -> sqlx::Result<i64>
    where
        E: Executor<'c, Database = Database> + Send,
    {
        insert(executor, id).await
    }
} every_executor!(f));

unchanged!(an_executor_in_the_last_place, #[dbop::db_op] {
    async fn f(id: i64, executor: impl Executor<'_, Database = Database>) -> sqlx::Result<i64> {
        insert(executor, id).await
    }
} async |world: &World| -> Called {
    let pool = world.pool();
    f(1, pool).await?;
    let mut tx = pool.begin().await?;
    f(2, &mut *tx).await?;
    tx.commit().await?;
    assert_eq!(world.notes().await, [1, 2]);
    Ok(())
});

unchanged!(an_executor_whose_methods_are_called, #[dbop::db_op] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        let insert = sqlx::query("INSERT INTO notes VALUES ($1)").bind(id);
        executor.execute(insert).await.map(|_| id)
    }
} every_executor!(f));

unchanged!(an_executor_whose_rows_are_streamed, #[dbop::db_op] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        let insert = "INSERT INTO notes VALUES ($1) RETURNING id";
        let rows = sqlx::query_scalar::<_, i64>(insert).bind(id).fetch(executor);
        let ids: Vec<_> = rows.try_collect().await?;
        Ok(ids[0])
    }
} every_executor!(f));

unchanged!(an_executor_that_can_be_bound_anew, #[dbop::db_op] {
    async fn f(#[allow(unused_mut)] mut executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        insert(executor, id).await
    }
} every_executor!(f));

unchanged!(an_executor_in_a_transaction, #[dbop::transactional] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        insert(executor, id).await
    }
} every_executor!(f));

unchanged!(a_named_executor_in_a_transaction, #[dbop::transactional] {
    async fn f<'e, E>(executor: E, id: i64) -> Result<i64, Trouble>
    where
        E: Executor<'e, Database = Database>,
    {
        Ok(insert(executor, id).await?)
    }
} every_executor!(f));

unchanged!(an_error_of_dbops_own, #[dbop::db_op] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> dbop::Result<i64> {
        Ok(insert(executor, id).await?)
    }
} every_executor!(f));

unchanged!(a_lifetime_that_another_argument_shares, #[dbop::db_op] {
    async fn f<'e>(executor: impl Executor<'e, Database = Database>, texts: &'e [&'e str]) -> sqlx::Result<i64> {
        let sum = texts.iter().map(|text| text.len()).sum::<usize>();
        insert(executor, i64::try_from(sum).unwrap()).await
    }
} async |world: &World| -> Called {
    let words = ["a".to_owned(), "bc".to_owned()];
    let texts: Vec<&str> = words.iter().map(|word| &**word).collect();
    assert_eq!(f(world.pool(), &texts).await?, 3);
    Ok(())
});

#[derive(FromRow)]
struct Note {
    id: i64,
}

unchanged!(a_result_that_the_caller_chooses, #[dbop::db_op(read_only)] {
    async fn all<'e, E, T>(executor: E) -> sqlx::Result<Vec<T>>
    where
        E: Executor<'e, Database = Database>,
        T: for<'r> FromRow<'r, <Database as sqlx::Database>::Row> + Send + Unpin,
    {
        sqlx::query_as::<_, T>("SELECT id FROM notes").fetch_all(executor).await
    }
} async |world: &World| -> Called {
    insert(world.pool(), 4).await?;
    let notes: Vec<Note> = all(world.pool()).await?;
    assert_eq!(notes[0].id, 4);
    // Callers may name the executor.
    let notes = all::<_, Note>(world.pool()).await?;
    assert_eq!(notes.len(), 1);
    Ok(())
});

struct Notes {
    offset: i64,
}

impl Notes {
    #[dbop::db_op]
    async fn insert<'e, E>(&self, executor: E, id: i64) -> sqlx::Result<i64>
    where
        E: Executor<'e, Database = Database>,
    {
        insert(executor, id + self.offset).await
    }
}

/// A caller that is generic over the executor itself has to be annotated before what it calls.
#[dbop::db_op]
async fn calls_a_method(
    executor: impl Executor<'_, Database = Database>,
    id: i64,
) -> sqlx::Result<i64> {
    Notes { offset: 10 }.insert(executor, id).await
}

#[tokio::test]
async fn a_method_and_a_function_that_calls_the_method() {
    let world = World::open().await;
    let notes = Notes { offset: 0 };
    notes.insert(world.pool(), 1).await.unwrap();
    let mut tx = world.pool().begin().await.unwrap();
    notes.insert(&mut *tx, 2).await.unwrap();
    calls_a_method(&mut *tx, 3).await.unwrap();
    tx.commit().await.unwrap();
    calls_a_method(world.pool(), 4).await.unwrap();
    assert_eq!(world.notes().await, [1, 2, 13, 14]);
}

unchanged!(a_body_with_a_future_inside, #[dbop::db_op] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        let inner = async move { insert(executor, id).await };
        inner.await
    }
} every_executor!(f));

unchanged!(a_body_with_a_closure_inside, #[dbop::db_op] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        let inner = async || insert(executor, id).await;
        inner().await
    }
} every_executor!(f));

unchanged!(branches_that_use_the_executor_once_each, #[dbop::db_op] {
    async fn f(executor: impl Executor<'_, Database = Database>, id: i64) -> sqlx::Result<i64> {
        if id % 2 == 0 {
            return insert(executor, id).await;
        }
        match id {
            1 => insert(executor, 1).await,
            other => insert(executor, other).await,
        }
    }
} every_executor!(f));
