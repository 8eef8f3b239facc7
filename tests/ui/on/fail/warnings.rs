//! What rustc warns about is reported once.
#![deny(warnings)]

use dbop::{Conn, db_op};

#[db_op(on = [Sqlite, Postgres])]
async fn unused(conn: &mut Conn<'_, DB>, never: i64) -> dbop::Result<i64> {
    let one = 1;
    let mut two = 2;
    let _ = conn;
    return Ok(two);
    three()
}

fn three() -> dbop::Result<i64> {
    Ok(3)
}

pub async fn calls(db: &dbop::AnyDb) {
    unused(db, 1);
}

fn main() {}
