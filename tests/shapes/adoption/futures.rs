//! Functions that return a future in place of being async.

use std::pin::Pin;

use futures_util::future::BoxFuture;

use super::*;

async fn both(
    world: &World,
    called: impl AsyncFn(&Pool<Database>, i64) -> sqlx::Result<i64>,
) -> Called {
    called(world.pool(), 1).await?;
    assert_eq!(world.notes().await, [1]);
    Ok(())
}

unchanged!(a_boxed_future, #[dbop::db_op] {
    fn f<'e, E>(executor: E, id: i64) -> BoxFuture<'e, sqlx::Result<i64>>
    where
        E: Executor<'e, Database = Database> + 'e,
    {
        Box::pin(async move { insert(executor, id).await })
    }
} async |world: &World| both(world, async |pool, id| f(pool, id).await).await);

unchanged!(a_pinned_box, #[dbop::transactional] {
    fn f<'e>(
        executor: impl Executor<'e, Database = Database> + 'e,
        id: i64,
    ) -> Pin<Box<dyn Future<Output = sqlx::Result<i64>> + Send + 'e>> {
        Box::pin(async move { insert(executor, id).await })
    }
} async |world: &World| both(world, async |pool, id| f(pool, id).await).await);

unchanged!(an_opaque_future, #[dbop::db_op] {
    #[allow(clippy::manual_async_fn)] // the shape
    fn f<'e, E>(executor: E, id: i64) -> impl Future<Output = sqlx::Result<i64>> + Send + 'e
    where
        E: Executor<'e, Database = Database> + 'e,
    {
        async move { insert(executor, id).await }
    }
} async |world: &World| both(world, async |pool, id| f(pool, id).await).await);

unchanged!(a_boxed_future_of_a_generic_connection, #[dbop::db_op] {
    fn f<'a, T>(conn: &'a mut T, id: i64) -> BoxFuture<'a, sqlx::Result<i64>>
    where
        T: Send,
        for<'e> &'e mut T: Executor<'e, Database = Database>,
    {
        Box::pin(async move { insert(&mut *conn, id).await })
    }
} async |world: &World| -> Called {
    let mut conn = world.pool().acquire().await?;
    f(&mut *conn, 1).await?;
    f(&mut *conn, 2).await?;
    Ok(())
});
