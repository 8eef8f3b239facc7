//! `tx: &mut Transaction` and `conn: &mut PoolConnection`, which a caller has begun and opened.

use sqlx::Transaction;
use sqlx::pool::PoolConnection;

use super::*;

unchanged!(a_transaction_of_the_callers, #[dbop::db_op] {
    async fn f(tx: &mut Transaction<'_, Database>, id: i64) -> sqlx::Result<i64> {
        count(&mut **tx).await?;
        insert(&mut **tx, id).await
    }
} async |world: &World| -> Called {
    let mut tx = world.pool().begin().await?;
    f(&mut tx, 1).await?;
    f(&mut tx, 2).await?;
    tx.commit().await?;
    let mut tx = world.pool().begin().await?;
    f(&mut tx, 3).await?;
    tx.rollback().await?;
    assert_eq!(world.notes().await, [1, 2]);
    Ok(())
});

unchanged!(a_savepoint_of_the_bodys_own, #[dbop::db_op] {
    async fn f(tx: &mut Transaction<'_, Database>, id: i64) -> sqlx::Result<i64> {
        insert(&mut **tx, id).await?;
        let mut savepoint = tx.begin().await?;
        insert(&mut *savepoint, id + 10).await?;
        savepoint.rollback().await?;
        Ok(id)
    }
} async |world: &World| -> Called {
    let mut tx = world.pool().begin().await?;
    f(&mut tx, 1).await?;
    tx.commit().await?;
    assert_eq!(world.notes().await, [1]);
    Ok(())
});

type Txn<'c> = Transaction<'c, Database>;

unchanged!(a_transaction_under_another_name, #[dbop::db_op] {
    async fn f(tx: &mut Txn<'_>, id: i64) -> sqlx::Result<i64> {
        insert(&mut **tx, id).await
    }
} async |world: &World| -> Called {
    let mut tx = world.pool().begin().await?;
    f(&mut tx, 1).await?;
    tx.commit().await?;
    assert_eq!(world.notes().await, [1]);
    Ok(())
});

unchanged!(a_transaction_that_is_only_read_from, #[dbop::db_op(read_only)] {
    async fn f(tx: &mut Txn<'_>) -> sqlx::Result<i64> {
        count(&mut **tx).await
    }
} async |world: &World| -> Called {
    let mut tx = world.pool().begin().await?;
    insert(&mut *tx, 1).await?;
    assert_eq!(f(&mut tx).await?, 1);
    Ok(())
});

unchanged!(a_connection_of_the_callers_pool, #[dbop::db_op(allow(no_session))] {
    async fn f(conn: &mut PoolConnection<Database>, id: i64) -> sqlx::Result<i64> {
        let mut tx = conn.begin().await?;
        insert(&mut *tx, id).await?;
        tx.commit().await?;
        Ok(id)
    }
} async |world: &World| -> Called {
    let mut conn = world.pool().acquire().await?;
    f(&mut conn, 1).await?;
    f(&mut conn, 2).await?;
    drop(conn);
    assert_eq!(world.notes().await, [1, 2]);
    Ok(())
});
