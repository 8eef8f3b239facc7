//! Attributes and options that a stream cannot have.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use sqlx::Sqlite;

type Item = dbop::Result<i64>;

#[transactional]
fn in_a_transaction(tx: &mut Tx<'_, Sqlite>) -> BoxStream<'_, Item> {
    futures_util::stream::empty().boxed()
}

#[transactional(once = id)]
fn once(tx: &mut Tx<'_, Sqlite>, id: i64) -> impl Stream<Item = Item> {
    futures_util::stream::empty()
}

#[db_op]
fn may_write(conn: &mut Conn<'_, Sqlite>) -> BoxStream<'_, Item> {
    futures_util::stream::empty().boxed()
}

#[db_op(idempotent)]
fn may_write_twice(conn: &mut Conn<'_, Sqlite>) -> impl Stream<Item = Item> + '_ {
    futures_util::stream::empty()
}

fn main() {}
