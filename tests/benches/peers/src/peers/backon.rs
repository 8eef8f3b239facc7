//! sqlx with backon around each transaction, and a timeout around all of it. What becomes of a
//! commit is left to chance if its caller goes away or its answer is lost.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use sqlx::PgPool;
use tokio::time::timeout;

use super::by_hand::{on_postgres, on_sqlite};
use super::passing::passes;
use super::pools::Pools;
use harness::bank::{BALANCE, Bank, Fallible, Items};

#[derive(Debug)]
pub(crate) struct WithBackon<P>(pub(crate) P);

const DEADLINE: Duration = Duration::from_secs(30);

fn policy() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(10))
        .with_max_delay(Duration::from_secs(1))
        .with_max_times(4)
}

/// Runs `$attempt` under the policy and the deadline.
macro_rules! retried {
    ($attempt:expr) => {
        Ok(timeout(DEADLINE, $attempt.retry(policy()).when(passes)).await??)
    };
}

impl Bank for WithBackon<Pools> {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        retried!(|| sqlx::query_scalar(BALANCE).bind(id).fetch_one(&self.0.read))
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        retried!(|| async {
            let mut tx = self.0.write.begin_with("BEGIN IMMEDIATE").await?;
            on_sqlite::transfer(&mut tx, from, to, cents).await?;
            tx.commit().await
        })
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        retried!(|| async {
            let mut tx = self.0.write.begin_with("BEGIN IMMEDIATE").await?;
            on_sqlite::insert_each(&mut tx, items).await?;
            tx.commit().await
        })
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        retried!(|| async {
            let mut tx = self.0.write.begin_with("BEGIN IMMEDIATE").await?;
            on_sqlite::insert_many(&mut tx, items).await?;
            tx.commit().await
        })
    }
}

impl Bank for WithBackon<PgPool> {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        retried!(|| sqlx::query_scalar(BALANCE).bind(id).fetch_one(&self.0))
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        retried!(|| async {
            let mut tx = self.0.begin().await?;
            on_postgres::transfer(&mut tx, from, to, cents).await?;
            tx.commit().await
        })
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        retried!(|| async {
            let mut tx = self.0.begin().await?;
            on_postgres::insert_each(&mut tx, items).await?;
            tx.commit().await
        })
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        retried!(|| async {
            let mut tx = self.0.begin().await?;
            on_postgres::insert_many(&mut tx, items).await?;
            tx.commit().await
        })
    }
}
