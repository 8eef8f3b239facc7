//! Streams whose items say nothing of a failure.
#![allow(unused)]

use dbop::{Conn, DbError, db_op};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use sqlx::Sqlite;

#[db_op(read_only)]
fn boxed(conn: &mut Conn<'_, Sqlite>) -> BoxStream<'_, i64> {
    futures_util::stream::empty().boxed()
}

#[db_op(read_only)]
fn opaque(conn: &mut Conn<'_, Sqlite>) -> impl Stream<Item = Option<i64>> {
    futures_util::stream::empty()
}

struct NotAnError;

#[db_op(read_only)]
fn other_error(conn: &mut Conn<'_, Sqlite>) -> BoxStream<'_, Result<i64, NotAnError>> {
    futures_util::stream::empty().boxed()
}

#[db_op(read_only)]
fn without_session(n: i64) -> impl Stream<Item = i64> {
    futures_util::stream::empty()
}

fn main() {}
