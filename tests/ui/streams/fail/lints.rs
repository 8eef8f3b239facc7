//! Lints look at the body of a stream as at any other.
#![allow(unused)]

use dbop::{Conn, db_op};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use sqlx::Sqlite;

#[db_op(read_only)]
fn writes(conn: &mut Conn<'_, Sqlite>) -> BoxStream<'_, dbop::Result<i64>> {
    sqlx::query_scalar("DELETE FROM notes WHERE id = 1 RETURNING id")
        .fetch(conn)
        .map_err(Into::into)
        .boxed()
}

#[db_op(read_only)]
fn blocks(conn: &mut Conn<'_, Sqlite>) -> BoxStream<'_, dbop::Result<i64>> {
    std::thread::sleep(std::time::Duration::from_secs(1));
    sqlx::query_scalar("SELECT 1").fetch(conn).map_err(Into::into).boxed()
}

#[db_op(read_only)]
fn takes_a_mutable_reference<'c>(
    conn: &'c mut Conn<'_, Sqlite>,
    read: &'c mut Vec<i64>,
) -> BoxStream<'c, dbop::Result<i64>> {
    sqlx::query_scalar("SELECT 1").fetch(conn).map_err(Into::into).boxed()
}

fn main() {}
