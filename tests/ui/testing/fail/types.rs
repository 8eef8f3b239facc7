//! What the compiler says of an argument and a result that a test cannot have. In builds of tests,
//! `#[dbop::test]` writes such calls.

use dbop::testing::Test;
use dbop::{AnyDb, Db};
use sqlx::{Postgres, Sqlite};

async fn no_handle(_: String) {}

async fn of_another_database(_: Db<Sqlite>) {}

async fn another_result(_: AnyDb) -> i64 {
    7
}

fn main() {
    Test::<Sqlite>::new("bank::no_handle").run(no_handle);
    Test::<Postgres>::new("bank::of_another_database").run(of_another_database);
    Test::<Sqlite>::new("bank::another_result").run(another_result);
}
