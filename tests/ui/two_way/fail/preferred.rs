//! Where `prefer_async` has no meaning.

use dbop::blocking::Manager;
use dbop::{BlockingDb, Conn, db_op};
use sqlx::Sqlite;

#[db_op(prefer_async)]
async fn on_an_async_function(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<usize> {
    let _ = conn;
    Ok(1)
}

#[deprecated(note = "old")]
#[db_op(prefer_async)]
fn deprecated_above(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    Ok(conn.execute("DELETE FROM notes WHERE id = 1", ())?)
}

#[db_op(prefer_async)]
#[deprecated(note = "old")]
fn deprecated_below(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    Ok(conn.execute("DELETE FROM notes WHERE id = 1", ())?)
}

#[db_op(prefer_async = "add")]
fn a_text(conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
    Ok(conn.execute("DELETE FROM notes WHERE id = 1", ())?)
}

trait Notes {
    async fn clear(
        &self,
        db: &BlockingDb<impl Manager<Connection = rusqlite::Connection>>,
    ) -> dbop::Result<usize>;
}

#[derive(Clone)]
struct InAFile;

impl Notes for InAFile {
    #[db_op(in_trait_impl, prefer_async)]
    fn clear(&self, conn: &mut rusqlite::Connection) -> dbop::Result<usize> {
        Ok(conn.execute("DELETE FROM notes WHERE id = 1", ())?)
    }
}

fn main() {}
