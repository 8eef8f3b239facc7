//! Pools of the synchronous drivers, and the means by which a body and a test talk to each other.

use std::ops::Deref;

use dbop::blocking::{BlockingDbBuilder, Manager};
use dbop::{Backend, BlockingDb};
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

use crate::Fresh;

pub mod diesel;
mod gate;
pub mod postgres;
pub mod rusqlite;
pub mod staged;

pub use gate::Gate;

/// The table that the suites write to.
pub const SCHEMA: &str = "CREATE TABLE notes (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)";

/// A pool of a synchronous driver on a database that is removed with the test.
#[derive(Debug)]
pub struct World<M: Manager, DB: Backend> {
    pub db: BlockingDb<M>,
    pub fresh: Fresh<DB>,
}

impl<M: Manager, DB: Backend> Deref for World<M, DB> {
    type Target = BlockingDb<M>;

    fn deref(&self) -> &BlockingDb<M> {
        &self.db
    }
}

/// How a suite configures its pool.
pub type Configure<M> = fn(BlockingDbBuilder<M>) -> BlockingDbBuilder<M>;

macro_rules! seen_from_outside {
    ($DB:ty) => {
        impl<M: Manager> World<M, $DB> {
            /// Returns the number that another session reads with this query.
            ///
            /// # Panics
            ///
            /// If the query fails.
            pub async fn seen(&self, sql: &str) -> i64 {
                let ask = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
                ask.fetch_one(self.fresh.pool())
                    .await
                    .expect("another session")
            }

            /// Returns how many rows with this `n` another session sees.
            ///
            /// # Panics
            ///
            /// If the query fails.
            pub async fn rows(&self, n: i64) -> i64 {
                self.seen(&format!("SELECT count(*) FROM notes WHERE n = {n}"))
                    .await
            }

            async fn with_schema(self) -> Self {
                self.run(SCHEMA).await;
                self
            }

            /// Runs these statements in another session.
            ///
            /// # Panics
            ///
            /// If a statement fails.
            pub async fn run(&self, sql: &str) {
                let run = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
                run.execute(self.fresh.pool())
                    .await
                    .expect("another session");
            }
        }
    };
}

seen_from_outside!(Sqlite);
seen_from_outside!(Postgres);
