//! Functions in an `impl` that do not say so.
#![allow(unused)]

use dbop::{BlockingDb, blocking::Manager, db_op, transactional};
use rusqlite::Connection;

struct Repo;

impl Repo {
    #[db_op]
    fn associated(conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }
}

#[db_op(in_impl)]
fn free(conn: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

trait Read {
    async fn read(&self, db: &BlockingDb<impl Manager<Connection = Connection>>) -> dbop::Result<()>;
}

#[derive(Clone)]
struct Reader;

impl Read for Reader {
    #[db_op]
    fn read(&self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }
}

trait Named {
    async fn named(&self) -> dbop::Result<String>;
}

impl Named for Reader {
    #[db_op(in_trait_impl)]
    fn named(&self) -> dbop::Result<String> {
        Ok(format!("{self:p}"))
    }
}

#[db_op]
fn load(conn: &mut Connection) -> dbop::Result<()> {
    Ok(())
}

fn load_sync() {}

fn main() {}
