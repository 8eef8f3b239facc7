//! Signatures that a function for each database cannot have.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::stream::BoxStream;
use sqlx::{PgConnection, Sqlite};

#[db_op(on = [Sqlite, Postgres])]
async fn argument(conn: &mut Conn<'_, DB>, pool: &sqlx::Pool<DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres])]
async fn result(conn: &mut Conn<'_, DB>) -> dbop::Result<sqlx::Pool<DB>> {
    todo!()
}

#[db_op(on = [Sqlite, Postgres])]
async fn bound<T>(conn: &mut Conn<'_, DB>, value: T) -> dbop::Result<i64>
where
    T: for<'q> sqlx::Encode<'q, DB>,
{
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres])]
async fn parameter<DB: dbop::Backend>(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres])]
async fn opaque(conn: &mut Conn<'_, DB>) -> dbop::Result<impl Iterator<Item = i64>> {
    Ok([1].into_iter())
}

#[db_op(on = [Sqlite, Postgres])]
async fn configured(conn: &mut Conn<'_, DB>, #[cfg(unix)] id: i64) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres])]
fn plain(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(read_only, on = [Sqlite, Postgres])]
fn stream(conn: &mut Conn<'_, DB>) -> BoxStream<'_, dbop::Result<i64>> {
    let _ = conn;
    Box::pin(futures_util::stream::empty())
}

#[db_op(on = [Sqlite, Postgres])]
async fn no_session(id: i64) -> dbop::Result<i64> {
    Ok(id)
}

#[db_op(on = [Sqlite, Postgres])]
async fn another_database(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
    Ok(1)
}

#[db_op(on = [Sqlite, Postgres])]
async fn driver(conn: &mut PgConnection) -> dbop::Result<i64> {
    Ok(1)
}

#[transactional(on = [Sqlite, Postgres])]
fn before_the_block(tx: &mut Tx<'_, DB>) -> impl Future<Output = dbop::Result<i64>> {
    let one = 1;
    async move { Ok(one) }
}

struct Repository {
    db: dbop::AnyDb,
}

impl Repository {
    #[db_op(on = [Sqlite, Postgres], db = self.db)]
    async fn takes_self(&mut self, conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
        Ok(1)
    }
}

fn main() {}
