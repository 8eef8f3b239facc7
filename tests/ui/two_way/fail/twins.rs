//! Plain twins that do not fit.

use dbop::{Conn, Db, db_op};
use sqlx::Sqlite;

#[db_op]
fn rename_plain(conn: &mut rusqlite::Connection, id: i64, name: &str) -> dbop::Result<bool> {
    Ok(conn.execute("UPDATE users SET name = ?2 WHERE id = ?1", (id, name))? == 1)
}

#[db_op(plain = rename_plain)]
async fn another_result(conn: &mut Conn<'_, Sqlite>, id: i64, name: &str) -> dbop::Result<u64> {
    let _ = (conn, id, name);
    Ok(1)
}

#[db_op(plain = rename_plain)]
async fn another_argument(conn: &mut Conn<'_, Sqlite>, id: &str, name: &str) -> dbop::Result<bool> {
    let _ = (conn, id, name);
    Ok(true)
}

#[db_op(plain = rename_plain)]
async fn fewer_arguments(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<bool> {
    let _ = (conn, id);
    Ok(true)
}

#[db_op(plain = renam_plain)]
async fn a_twin_that_does_not_exist(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<bool> {
    let _ = (conn, id);
    Ok(true)
}

fn without_an_attribute(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    Ok(conn.execute("DELETE FROM users WHERE id = 1", ())?)
}

#[db_op(plain = without_an_attribute)]
async fn a_twin_without_an_attribute(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[db_op]
async fn async_too(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[db_op(plain = async_too)]
async fn an_async_twin(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[derive(Clone)]
struct Users {
    db: Db<Sqlite>,
}

impl Users {
    #[db_op]
    fn count_plain(&self, conn: &mut rusqlite::Connection) -> dbop::Result<i64> {
        Ok(conn.query_row("SELECT count(*) FROM users", (), |row| row.get(0))?)
    }

    #[db_op(db = self.db, plain = count_plain)]
    async fn count(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
        let _ = conn;
        Ok(1)
    }

    #[db_op(db = self.db, plain = self.count_plain)]
    async fn count_again(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
        let _ = conn;
        Ok(1)
    }
}

fn main() {}
