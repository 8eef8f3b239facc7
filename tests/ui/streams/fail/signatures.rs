//! Streams that the attribute cannot read, or that cannot borrow a session.
#![allow(unused)]

use std::pin::Pin;

use dbop::{Conn, db_op};
use futures_util::stream::{BoxStream, Stream, StreamExt, TryStream};
use sqlx::Sqlite;

type Item = dbop::Result<i64>;
type ItemStream<'a> = BoxStream<'a, Item>;

#[db_op(read_only)]
fn alias<'a>(conn: &'a mut Conn<'_, Sqlite>) -> ItemStream<'a> {
    futures_util::stream::empty().boxed()
}

#[db_op(read_only)]
fn other_trait(conn: &mut Conn<'_, Sqlite>) -> impl TryStream<Ok = i64, Error = dbop::Error> {
    futures_util::stream::empty::<Item>()
}

#[db_op(read_only)]
async fn awaited<'c>(conn: &'c mut Conn<'_, Sqlite>) -> BoxStream<'c, Item> {
    futures_util::stream::empty().boxed()
}

#[db_op(read_only)]
fn without_lifetime(conn: &mut Conn<'_, Sqlite>) -> Pin<Box<dyn Stream<Item = Item> + Send>> {
    futures_util::stream::empty().boxed()
}

#[db_op(read_only)]
fn forever(conn: &mut Conn<'_, Sqlite>) -> BoxStream<'static, Item> {
    futures_util::stream::empty().boxed()
}

fn main() {}
