//! A key that is no text, an argument that cannot be compared, a result that cannot be stored.
#![allow(unused)]

use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[derive(Clone)]
struct Order {
    id: i64,
}

#[transactional(once = order.id)]
async fn argument(tx: &mut Tx<'_, Sqlite>, order: &Order) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = (a, b))]
async fn key(tx: &mut Tx<'_, Sqlite>, a: i64, b: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional(once = id)]
async fn result(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<Order> {
    Ok(Order { id })
}

#[transactional(once = order.id)]
async fn all_is_well(tx: &mut Tx<'_, Sqlite>, #[once(skip)] order: Order) -> dbop::Result<i64> {
    Ok(order.id)
}

fn main() {}
