//! With `retry = never`, everything that cannot be replayed is accepted.
#![allow(unused)]

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::Sqlite;

struct Order {
    id: i64,
}

struct Ledger(Vec<i64>);

impl Ledger {
    #[transactional(retry = never)]
    async fn consumed(mut self, tx: &mut Tx<'_, Sqlite>, order: Order) -> dbop::Result<Self> {
        self.0.push(order.id);
        Ok(self)
    }

    #[db_op(retry = never)]
    async fn lent(&mut self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<&mut i64> {
        Ok(&mut self.0[0])
    }
}

#[transactional(retry = never)]
async fn argument(tx: &mut Tx<'_, Sqlite>, log: &mut Vec<String>, text: impl AsRef<str>) -> dbop::Result<()> {
    log.push(text.as_ref().to_owned());
    Ok(())
}

#[allow(dead_code)]
async fn calls(db: &Db<Sqlite>) -> dbop::Result<()> {
    let mut ledger = Ledger(Vec::new()).consumed(db, Order { id: 1 }).await?;
    *ledger.lent(db).await? += 1;
    argument(db, &mut Vec::new(), "text").await
}

fn main() {}
