//! A body that gives `self` away.
#![allow(unused)]

use std::pin::Pin;

use dbop::{Conn, db_op};
use sqlx::Sqlite;

struct Ledger(Vec<i64>);

impl Ledger {
    #[db_op]
    async fn pinned(self: Pin<&mut Self>, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<i64> {
        let this = self.get_mut();
        Ok(this.0[0])
    }
}

fn main() {}
