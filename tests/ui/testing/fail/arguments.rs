//! What a test takes.

use dbop::{AnyDb, Db, Tx};
use sqlx::{Postgres, Sqlite};

#[dbop::test]
async fn takes_nothing() {}

#[dbop::test]
async fn takes_two(db: AnyDb, name: &str) {}

#[dbop::test]
async fn takes_a_reference(db: &Db<Sqlite>) {}

#[dbop::test]
async fn takes_a_shared_transaction(tx: &Tx<'_, Sqlite>) {}

#[dbop::test]
async fn takes_what_names_no_database(db: Bank) {}

#[dbop::test]
fn is_not_async(db: AnyDb) {}

#[dbop::test]
async fn is_generic<T>(db: AnyDb) {}

struct Bank;

impl Bank {
    #[dbop::test]
    async fn is_a_method(&self) {}
}

#[dbop::test]
struct NotAFunction(Db<Postgres>);

fn main() {}
