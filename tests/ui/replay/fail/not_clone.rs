//! Arguments of which there is only one.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

struct Order {
    id: i64,
}

#[transactional]
async fn value(tx: &mut Tx<'_, Sqlite>, order: Order) -> dbop::Result<()> {
    let _ = order.id;
    Ok(())
}

#[transactional]
async fn inside(tx: &mut Tx<'_, Sqlite>, (orders, limit): (Vec<Order>, usize)) -> dbop::Result<()> {
    let _ = (orders, limit);
    Ok(())
}

#[db_op]
async fn generic<T: ToString + Send>(conn: &mut Conn<'_, Sqlite>, id: T) -> dbop::Result<()> {
    let _ = id.to_string();
    Ok(())
}

#[db_op]
async fn opaque(conn: &mut Conn<'_, Sqlite>, text: impl AsRef<str> + Send) -> dbop::Result<()> {
    let _ = text.as_ref();
    Ok(())
}

fn main() {}
