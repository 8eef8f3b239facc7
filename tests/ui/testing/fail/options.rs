//! Options that are wrong, or do not go together with the function.

use dbop::{AnyDb, Db};
use sqlx::{Postgres, Sqlite};

#[dbop::test(migration = "./migrations")]
async fn misspelt(db: AnyDb) {}

#[dbop::test(migrations("./migrations"))]
async fn migrations_in_parentheses(db: AnyDb) {}

#[dbop::test(migrations = "./no/such/folder")]
async fn no_folder(db: AnyDb) {}

#[dbop::test(migrations = "/srv/bank/migrations")]
async fn a_folder_of_this_machine(db: AnyDb) {}

#[dbop::test(migrations(sqlite = "."))]
async fn migrations_for_one_of_two(db: AnyDb) {}

#[dbop::test(migrations(mysql = "."))]
async fn migrations_for_another_database(db: AnyDb) {}

#[dbop::test(fixtures = "users.sql")]
async fn fixtures_without_a_list(db: AnyDb) {}

#[dbop::test(fixtures())]
async fn no_fixtures(db: AnyDb) {}

#[dbop::test(fixtures(users))]
async fn fixtures_without_quotes(db: AnyDb) {}

#[dbop::test(on = [Sqlite, Mysql])]
async fn another_database(db: AnyDb) {}

#[dbop::test(on = [Sqlite, Sqlite])]
async fn one_database_twice(db: AnyDb) {}

#[dbop::test(on = Sqlite)]
async fn a_database_without_brackets(db: AnyDb) {}

#[dbop::test(on = [Postgres])]
async fn another_than_the_argument(db: Db<Sqlite>) {}

#[dbop::test(in_memory)]
async fn in_memory_on_a_server(db: Db<Postgres>) {}

#[dbop::test(flavor = multi)]
async fn another_flavor(db: AnyDb) {}

fn main() {}
