//! `conn: &mut T`, for any `T` that sqlx can run statements on.

use super::*;

/// Calls `f(conn, id)` with everything that may stand behind `&mut`.
macro_rules! every_place {
    ($f:ident) => {
        async |world: &World| -> Called {
            let pool = world.pool();
            let mut conn = pool.acquire().await?;
            $f(&mut *conn, 1).await?;
            let lent: &mut Connection = &mut conn;
            $f(lent, 2).await?;
            $f(lent, 3).await?; // the call before has only borrowed it
            let mut tx = conn.begin().await?;
            $f(&mut *tx, 4).await?;
            $f(tx.as_mut(), 5).await?;
            tx.commit().await?;
            let mut tx = conn.begin().await?;
            $f(&mut *tx, 6).await?;
            tx.rollback().await?;
            drop(conn);
            assert_eq!(world.notes().await, [1, 2, 3, 4, 5]);
            Ok(())
        }
    };
}

unchanged!(a_generic_connection, #[dbop::db_op] {
    async fn f<T>(conn: &mut T, id: i64) -> sqlx::Result<i64>
    where
        for<'e> &'e mut T: Executor<'e, Database = Database>,
    {
        insert(&mut *conn, id).await
    }
} every_place!(f));

unchanged!(a_generic_connection_used_twice, #[dbop::db_op] {
    async fn f<T>(conn: &mut T, id: i64) -> sqlx::Result<i64>
    where
        for<'e> &'e mut T: Executor<'e, Database = Database>,
        T: Send,
    {
        count(&mut *conn).await?;
        insert(conn, id).await
    }
} every_place!(f));

unchanged!(a_generic_connection_in_a_transaction, #[dbop::transactional] {
    async fn f<T>(conn: &mut T, id: i64) -> Result<i64, Trouble>
    where
        for<'e> &'e mut T: Executor<'e, Database = Database>,
    {
        count(&mut *conn).await?;
        Ok(insert(&mut *conn, id).await?)
    }
} every_place!(f));

unchanged!(a_generic_connection_handed_on, #[dbop::db_op] {
    async fn f<T>(conn: &mut T, id: i64) -> sqlx::Result<i64>
    where
        for<'e> &'e mut T: Executor<'e, Database = Database>,
    {
        inner(conn, id).await?;
        count(conn).await
    }
} every_place!(f));

/// A helper that is not annotated.
async fn inner<T>(conn: &mut T, id: i64) -> sqlx::Result<i64>
where
    for<'e> &'e mut T: Executor<'e, Database = Database>,
{
    count(&mut *conn).await?;
    insert(&mut *conn, id).await
}

unchanged!(a_generic_connection_named_by_callers, #[dbop::db_op] {
    async fn f<T>(conn: &mut T, id: i64) -> sqlx::Result<i64>
    where
        for<'e> &'e mut T: Executor<'e, Database = Database>,
    {
        insert(&mut *conn, id).await
    }
} async |world: &World| -> Called {
    let mut conn = world.pool().acquire().await?;
    f::<Connection>(&mut conn, 1).await?;
    Ok(())
});
