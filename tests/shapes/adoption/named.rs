//! The names of one database: its connection, its executor, its pool. The tests are written once,
//! and get the names by a macro.

use super::*;

macro_rules! named {
    ($Executor:ident, $SomeConnection:ident) => {
        use sqlx::{$Executor, $SomeConnection};

        unchanged!(an_executor_of_the_database, #[dbop::db_op] {
            async fn f(executor: impl $Executor<'_>, id: i64) -> sqlx::Result<i64> {
                insert(executor, id).await
            }
        } async |world: &World| -> Called {
            f(world.pool(), 1).await?;
            let mut tx = world.pool().begin().await?;
            f(&mut *tx, 2).await?;
            tx.commit().await?;
            Ok(())
        });

        unchanged!(a_named_executor_of_the_database, #[dbop::transactional] {
            async fn f<'e, E: $Executor<'e>>(executor: E, id: i64) -> sqlx::Result<i64> {
                insert(executor, id).await
            }
        } async |world: &World| -> Called {
            f(world.pool(), 1).await?;
            let mut conn = world.pool().acquire().await?;
            f(&mut *conn, 2).await?;
            Ok(())
        });

        unchanged!(a_generic_connection_of_the_database, #[dbop::db_op] {
            async fn f<T>(conn: &mut T, id: i64) -> sqlx::Result<i64>
            where
                for<'e> &'e mut T: $Executor<'e>,
            {
                insert(&mut *conn, id).await
            }
        } async |world: &World| -> Called {
            let mut conn = world.pool().acquire().await?;
            f(&mut *conn, 1).await?;
            Ok(())
        });

        unchanged!(the_connection_itself, #[dbop::db_op] {
            async fn f(conn: &mut $SomeConnection, id: i64) -> sqlx::Result<i64> {
                count(&mut *conn).await?;
                insert(conn, id).await
            }
        } async |world: &World| -> Called {
            let mut pooled = world.pool().acquire().await?;
            f(&mut pooled, 1).await?;
            let conn: &mut $SomeConnection = &mut pooled;
            f(conn, 2).await?;
            f(conn, 3).await?;
            let mut tx = pooled.begin().await?;
            f(&mut tx, 4).await?;
            f(&mut *tx, 5).await?;
            tx.commit().await?;
            drop(pooled);
            assert_eq!(world.notes().await, [1, 2, 3, 4, 5]);
            Ok(())
        });

        unchanged!(the_connection_itself_in_a_transaction, #[dbop::transactional] {
            async fn f(conn: &mut $SomeConnection, id: i64) -> sqlx::Result<i64> {
                insert(&mut *conn, id).await
            }
        } async |world: &World| -> Called {
            let mut pooled = world.pool().acquire().await?;
            f(&mut pooled, 1).await?;
            let mut tx = pooled.begin().await?;
            f(&mut tx, 2).await?;
            f(&mut tx, 3).await?;
            tx.commit().await?;
            drop(pooled);
            assert_eq!(world.notes().await, [1, 2, 3]);
            Ok(())
        });

        unchanged!(the_connection_in_the_last_place, #[dbop::db_op] {
            async fn f(id: i64, conn: &mut $SomeConnection) -> sqlx::Result<i64> {
                insert(conn, id).await
            }
        } async |world: &World| -> Called {
            let mut conn = world.pool().acquire().await?;
            f(1, &mut conn).await?;
            f(2, &mut conn).await?;
            Ok(())
        });

        unchanged!(a_boxed_future_that_borrows_the_connection, #[dbop::db_op] {
            fn f(conn: &mut $SomeConnection) -> futures_util::future::BoxFuture<'_, sqlx::Result<i64>> {
                Box::pin(async move { count(&mut *conn).await })
            }
        } async |world: &World| -> Called {
            let mut conn = world.pool().acquire().await?;
            f(&mut conn).await?;
            f(&mut conn).await?;
            Ok(())
        });
    };
}

// The database's own names for its connection and its executor.
names!(named);
