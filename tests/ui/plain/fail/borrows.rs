//! What borrows from the caller in a way that cannot be made again elsewhere.
#![allow(unused)]

use std::borrow::Cow;

use dbop::{db_op, transactional};
use rusqlite::Connection;

#[derive(Clone)]
struct Row<'a>(&'a str);

type Name<'a> = &'a str;

#[db_op]
fn written(conn: &mut Connection, buffer: &mut Vec<i64>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn maybe_written(conn: &mut Connection, buffer: Option<&mut Vec<i64>>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn cow(conn: &mut Connection, text: Cow<'_, str>) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn several(conn: &mut Connection, texts: Vec<&str>, row: Row<'_>, pair: (&str, i64)) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn deep(conn: &mut Connection, text: &Option<&str>, twice: &&str, rows: &[Row<'_>]) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn hidden(conn: &mut Connection, row: Row, name: Name) -> dbop::Result<()> {
    Ok(())
}

#[db_op]
fn result<'a>(conn: &mut Connection, text: &'a str) -> dbop::Result<&'a str> {
    Ok(text)
}

#[db_op]
fn cow_result<'a>(conn: &mut Connection, text: &'a str) -> dbop::Result<Cow<'a, str>> {
    Ok(text.into())
}

fn main() {}
