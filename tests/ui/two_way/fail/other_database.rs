//! The two halves of a handle are of one database.

use dbop::{BlockingDb, Db, TwoWayDb};
use postgres_client::NoTls;
use r2d2_postgres::PostgresConnectionManager;
use sqlx::Sqlite;

fn of_two(db: Db<Sqlite>, plain: BlockingDb<PostgresConnectionManager<NoTls>>) {
    let _ = TwoWayDb::new(db, plain);
}

fn main() {
    let _: fn(_, _) = of_two;
}
