//! Functions that cannot be made async.
#![allow(unused)]

use std::pin::Pin;

use dbop::{db_op, transactional};
use rusqlite::Connection;

#[db_op]
unsafe fn not_safe(conn: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
const fn constant(conn: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn nothing(conn: &mut Connection) {}

#[db_op]
fn unit(conn: &mut Connection) -> () {}

#[db_op]
fn no_result(conn: &mut Connection) -> i64 {
    1
}

#[db_op]
fn other_error(conn: &mut Connection) -> Result<i64, String> {
    Ok(1)
}

#[db_op]
fn not_sent(conn: &mut Connection) -> dbop::Result<std::rc::Rc<i64>> {
    Ok(std::rc::Rc::new(1))
}

type Later<T> = Pin<Box<dyn Future<Output = T>>>;

#[db_op]
fn boxed(conn: &mut Connection) -> Later<dbop::Result<i64>> {
    Box::pin(async move { Ok(1) })
}

struct FutureOf<T>(T);

#[db_op]
fn future(conn: &mut Connection) -> FutureOf<i64> {
    FutureOf(1)
}

#[db_op]
fn awaits(conn: &mut Connection) -> dbop::Result<i64> {
    let n = async { Ok(1) }.await?;
    Ok(n)
}

#[db_op]
extern "C" fn foreign(conn: &mut Connection) -> dbop::Result<i64> {
    Ok(1)
}

fn main() {}
