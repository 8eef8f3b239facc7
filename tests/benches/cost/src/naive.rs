//! The functions by hand, as the drivers' documentation shows them: without deadline, retry,
//! category, span or counts.

use r2d2_sqlite::SqliteConnectionManager;
use sqlx::{SqliteConnection, SqlitePool};

use crate::texts::sqlite::ADD;

type Pool = r2d2::Pool<SqliteConnectionManager>;

/// Defines the functions for a database. They differ in the type of the connection only.
macro_rules! functions {
    ($module:ident, $database:ident) => {
        pub(crate) mod $module {
            use sqlx::{Connection, Pool};

            use crate::texts::$module::{ADD, READ};

            type DB = sqlx::$database;
            type Session = <DB as sqlx::Database>::Connection;

            pub(crate) async fn add(pool: &Pool<DB>, id: i64, cents: i64) -> sqlx::Result<u64> {
                let add = sqlx::query(ADD).bind(cents).bind(id);
                Ok(add.execute(pool).await?.rows_affected())
            }

            pub(crate) async fn read(pool: &Pool<DB>, id: i64) -> sqlx::Result<i64> {
                sqlx::query_scalar(READ).bind(id).fetch_one(pool).await
            }

            pub(crate) async fn transfer(
                pool: &Pool<DB>,
                from: i64,
                to: i64,
                cents: i64,
            ) -> sqlx::Result<u64> {
                let mut tx = pool.begin().await?;
                let take = sqlx::query(ADD).bind(-cents).bind(from);
                let taken = take.execute(&mut *tx).await?.rows_affected();
                let give = sqlx::query(ADD).bind(cents).bind(to);
                let given = give.execute(&mut *tx).await?.rows_affected();
                tx.commit().await?;
                Ok(taken + given)
            }

            pub(crate) async fn joined_add(
                conn: &mut Session,
                id: i64,
                cents: i64,
            ) -> sqlx::Result<u64> {
                let add = sqlx::query(ADD).bind(cents).bind(id);
                Ok(add.execute(&mut *conn).await?.rows_affected())
            }

            pub(crate) async fn nested_add(
                conn: &mut Session,
                id: i64,
                cents: i64,
            ) -> sqlx::Result<u64> {
                let mut savepoint = conn.begin().await?;
                let added = joined_add(&mut savepoint, id, cents).await?;
                savepoint.commit().await?;
                Ok(added)
            }
        }
    };
}

functions!(sqlite, Sqlite);
functions!(postgres, Postgres);

pub(crate) async fn idle(pool: &SqlitePool, id: i64) -> sqlx::Result<i64> {
    let _conn = pool.acquire().await?;
    Ok(id)
}

pub(crate) async fn sessionless(id: i64) -> sqlx::Result<i64> {
    Ok(id)
}

pub(crate) async fn joined(conn: &mut SqliteConnection, id: i64) -> sqlx::Result<i64> {
    let _ = conn;
    Ok(id)
}

type SyncResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) async fn sync_add(pool: &Pool, id: i64, cents: i64) -> SyncResult<usize> {
    let pool = pool.clone();
    let add = move || -> SyncResult<usize> {
        let conn = pool.get()?;
        Ok(conn.prepare_cached(ADD)?.execute((cents, id))?)
    };
    tokio::task::spawn_blocking(add).await?
}

pub(crate) async fn sync_transfer(
    pool: &Pool,
    from: i64,
    to: i64,
    cents: i64,
) -> SyncResult<usize> {
    let pool = pool.clone();
    let transfer = move || -> SyncResult<usize> {
        let mut conn = pool.get()?;
        let tx = conn.transaction()?;
        let mut add = tx.prepare_cached(ADD)?;
        let changed = add.execute((-cents, from))? + add.execute((cents, to))?;
        drop(add);
        tx.commit()?;
        Ok(changed)
    };
    tokio::task::spawn_blocking(transfer).await?
}
