//! Types that no driver has as its connection.
#![allow(unused)]

use dbop::{db_op, transactional};

#[db_op]
fn buffer(into: &mut Vec<i64>) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn of_sqlx(conn: &mut sqlx::SqliteConnection) -> dbop::Result<()> {
    Ok(())
}

type Pooled = diesel::r2d2::PooledConnection<diesel::r2d2::ConnectionManager<diesel::SqliteConnection>>;

#[transactional]
fn pooled(conn: &mut Pooled, n: i64) -> dbop::Result<()> {
    Ok(())
}

struct Handle<'a>(&'a str);

#[db_op]
fn borrowing(conn: &mut Handle<'_>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
