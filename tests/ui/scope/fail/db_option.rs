//! `db = ..` names something that holds no session.
#![allow(unused)]

use dbop::{Conn, Db, db_op};
use sqlx::{Postgres, Sqlite};

struct Repository {
    db: Db<Postgres>,
    name: String,
}

impl Repository {
    #[db_op(db = self.name)]
    async fn text(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op(db = self.db)]
    async fn other_database(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op(db = self.dbb)]
    async fn no_field(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
