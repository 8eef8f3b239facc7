//! Options that plain functions, or only they, cannot have.
#![allow(unused)]

use dbop::{Conn, Tx, db_op, transactional};
use rusqlite::Connection;
use sqlx::Sqlite;

#[transactional(once = n)]
fn once(conn: &mut Connection, n: i64) -> dbop::Result<()> {
    Ok(())
}

#[transactional(nested)]
fn nested(conn: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

#[transactional(in_impls)]
fn unknown(conn: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

#[db_op(in_trait_imp, in_impl = true)]
fn unknown_too(conn: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

#[db_op(db = pool)]
fn without_connection(n: i64) -> dbop::Result<()> {
    Ok(())
}

#[db_op(retry(attempts = 3))]
fn retried_without_connection(n: i64) -> dbop::Result<()> {
    Ok(())
}

struct Repo;

impl Repo {
    #[db_op(in_impl)]
    async fn read(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }

    #[transactional(in_trait_impl)]
    async fn write(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op(in_impl, in_trait_impl)]
    fn both(conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
