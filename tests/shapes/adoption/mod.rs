//! Functions as applications with sqlx have them, annotated as they stand. Each test runs the same
//! callers twice, with the function as it was and with the attribute on it.

mod behind_mut;
mod by_value;
mod futures;
mod lent_transactions;
mod named;
mod optional;
mod replay;

use dbop_tests::{Fresh, Trouble};
use sqlx::{Acquire, Executor, Pool};

use super::{Database, fresh_with};

type Connection = <Database as sqlx::Database>::Connection;
type Called = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Runs callers with a function as it was written, and then with an attribute on it.
macro_rules! unchanged {
    ($name:ident, #[$($attribute:tt)*] { $($function:tt)* } $callers:expr) => {
        #[tokio::test]
        async fn $name() {
            {
                $($function)*
                succeeded($callers(&World::open().await).await);
            }
            {
                #[$($attribute)*]
                $($function)*
                succeeded($callers(&World::open().await).await);
            }
        }
    };
}
use unchanged;

/// What an application has: a pool and a table.
struct World {
    fresh: Fresh<Database>,
}

impl World {
    async fn open() -> Self {
        let fresh = fresh_with(|builder| builder).await;
        let schema = "CREATE TABLE notes (id BIGINT PRIMARY KEY)";
        fresh.pool().execute(schema).await.expect("the schema");
        Self { fresh }
    }

    fn pool(&self) -> &Pool<Database> {
        self.fresh.pool()
    }

    async fn notes(&self) -> Vec<i64> {
        let notes = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
        notes.fetch_all(self.pool()).await.expect("the table")
    }
}

#[track_caller]
fn succeeded(called: Called) {
    if let Err(error) = called {
        panic!("{error}");
    }
}

/// Inserts a note, and returns its number.
async fn insert<'e>(
    executor: impl Executor<'e, Database = Database>,
    id: i64,
) -> sqlx::Result<i64> {
    let insert = sqlx::query_scalar("INSERT INTO notes VALUES ($1) RETURNING id");
    insert.bind(id).fetch_one(executor).await
}

/// Returns the number of notes.
async fn count<'e>(executor: impl Executor<'e, Database = Database>) -> sqlx::Result<i64> {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM notes");
    count.fetch_one(executor).await
}
