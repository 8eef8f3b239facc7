//! What callers pass in place of a `BlockingDb` of the right driver.
#![allow(unused)]

use dbop::{BlockingDb, Db, db_op, transactional};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use sqlx::Sqlite;

type DieselManager = diesel::r2d2::ConnectionManager<diesel::SqliteConnection>;

#[db_op]
fn read(conn: &mut Connection, n: i64) -> dbop::Result<i64> {
    Ok(n)
}

async fn async_db(db: &Db<Sqlite>) {
    let _ = read(db, 1).await;
}

async fn connection(conn: &mut Connection) {
    let _ = read(conn, 1).await;
}

async fn other_driver(db: &BlockingDb<DieselManager>) {
    let _ = read(db, 1).await;
}

async fn by_value(db: BlockingDb<SqliteConnectionManager>) {
    let _ = read(db, 1).await;
}

#[transactional]
fn caller(conn: &mut Connection) -> dbop::Result<i64> {
    read(conn, 1)
}

#[derive(Clone)]
struct Repo {
    sqlx: Db<Sqlite>,
    diesel: BlockingDb<DieselManager>,
    number: i64,
}

impl Repo {
    #[db_op(db = self.sqlx)]
    fn of_sqlx(&self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op(db = self.diesel)]
    fn of_diesel(&self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op(db = self.number)]
    fn of_nothing(&self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
