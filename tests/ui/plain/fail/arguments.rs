//! What cannot be handed to another thread.
#![allow(unused)]

use std::borrow::Cow;
use std::rc::Rc;

use dbop::{db_op, transactional};
use rusqlite::Connection;

#[db_op]
fn shared(conn: &mut Connection, n: Rc<i64>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn shared_and_lent(conn: &mut Connection, n: &Rc<i64>) -> dbop::Result<()> {
    Ok(())
}

struct NotClone;

#[transactional]
fn not_clone(conn: &mut Connection, whole: NotClone) -> dbop::Result<()> {
    Ok(())
}

#[transactional(retry = never)]
fn not_clone_and_lent(
    conn: &mut Connection,
    lent: &NotClone,
    maybe: Option<&NotClone>,
    many: &[NotClone],
    each: &[&NotClone],
) -> dbop::Result<()> {
    Ok(())
}

#[transactional]
fn of_a_trait(conn: &mut Connection, n: &dyn Fn(i64) -> i64) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn not_send<T: Clone + 'static>(conn: &mut Connection, n: T) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn not_static<T: Clone + Send>(conn: &mut Connection, n: T) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn lent_and_not_static<T: Clone + Send>(conn: &mut Connection, n: &T) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn without_bounds(conn: &mut Connection, n: impl Fn() -> i64) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry = never)]
fn once_without_bounds(conn: &mut Connection, n: impl FnOnce() -> i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
