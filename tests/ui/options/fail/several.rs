//! All mistakes of one function are reported at once: those in the options, in the parameters and in the result.
#![allow(unused)]

use dbop::{Tx, transactional};
use sqlx::Sqlite;

struct Ledger(Vec<i64>);

impl Ledger {
    #[transactional(tiemout = "2s", retry(attempts = 0, bse = "1ms"), nested, nested, isolation = serialisable)]
    async fn write<'a>(self, tx: &mut Tx<'_, Sqlite>, log: &'a mut Vec<i64>) -> dbop::Result<&'a mut i64> {
        Ok(&mut log[0])
    }
}

fn main() {}
