//! sqlx by hand with the promises of dbop, as far as a careful author can keep them: one deadline
//! over all attempts, retries with full jitter of what is known to have rolled back, a `COMMIT`
//! that goes on when its caller goes away, and no connection given back half-used.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{
    Database, Executor, PgConnection, PgPool, Pool, Postgres, Sqlite, SqliteConnection, SqlitePool,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::by_hand::{on_postgres, on_sqlite};
use super::passing::passes;
use super::pools::Pools;
use harness::bank::{BALANCE, Bank, Fallible, Items};

#[derive(Debug)]
pub(crate) struct Promising<P>(pub(crate) P);

const DEADLINE: Duration = Duration::from_secs(30);
/// How long to wait for the answer to a `COMMIT` past the deadline.
const GRACE: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 5;
const BASE: Duration = Duration::from_millis(10);
const CAP: Duration = Duration::from_secs(1);

/// A connection that is closed when it is dropped, unless it has been declared clean.
struct Guarded<DB: Database> {
    conn: PoolConnection<DB>,
    clean: bool,
}

impl<DB: Database> Guarded<DB> {
    fn is_clean(&mut self, clean: bool) {
        self.clean = clean;
    }
}

impl<DB: Database> Drop for Guarded<DB> {
    fn drop(&mut self) {
        if !self.clean {
            self.conn.close_on_drop();
        }
    }
}

impl<DB: Database> Deref for Guarded<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.conn
    }
}

impl<DB: Database> DerefMut for Guarded<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.conn
    }
}

/// The failure of a transaction.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    RolledBack(sqlx::Error),
    #[error("whether it was committed is not known: {0:?}")]
    Unknown(Option<sqlx::Error>),
    #[error("it took too long")]
    Late,
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::RolledBack(error)
    }
}

/// Tries again after failures that have rolled back and may pass, until the deadline.
async fn retried<T, A>(attempt: impl Fn(Instant) -> A) -> Fallible<T>
where
    A: Future<Output = Result<T, Failed>>,
{
    let deadline = Instant::now() + DEADLINE;
    let mut bound = BASE;
    for attempts in 1.. {
        let error = match attempt(deadline).await {
            Ok(value) => return Ok(value),
            Err(Failed::RolledBack(error)) if passes(&error) => error,
            Err(error) => return Err(error.into()),
        };
        let wait = bound.mul_f64(fastrand::f64());
        bound = (bound * 2).min(CAP);
        if attempts == ATTEMPTS || Instant::now() + wait >= deadline {
            return Err(error.into());
        }
        sleep(wait).await;
    }
    unreachable!("there is a last attempt")
}

/// Sends `BEGIN` on a connection that is closed if anything is cut off from here on.
async fn begin<DB: Driver>(pool: &Pool<DB>) -> sqlx::Result<Guarded<DB>> {
    let conn = pool.acquire().await?;
    let mut tx = Guarded { conn, clean: false };
    DB::run(&mut tx, DB::BEGIN).await?;
    Ok(tx)
}

/// Rolls back unless the body has succeeded.
async fn settle<DB: Driver>(
    mut tx: Guarded<DB>,
    body: sqlx::Result<()>,
) -> sqlx::Result<Guarded<DB>> {
    match body {
        Ok(()) => Ok(tx),
        Err(error) => {
            let rolled_back = DB::run(&mut tx, "ROLLBACK").await;
            tx.is_clean(rolled_back.is_ok());
            Err(error)
        }
    }
}

/// Commits in a task of its own, which goes on when nobody waits for it any more.
async fn commit<DB: Driver>(mut tx: Guarded<DB>, deadline: Instant) -> Result<(), Failed> {
    let committing = tokio::spawn(async move {
        let answer = DB::run(&mut tx, "COMMIT").await;
        tx.is_clean(answer.is_ok());
        answer
    });
    match timeout_at(deadline + GRACE, committing).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error @ sqlx::Error::Database(_)))) => Err(error.into()),
        Ok(Ok(Err(error))) => Err(Failed::Unknown(Some(error))),
        Ok(Err(_)) | Err(_) => Err(Failed::Unknown(None)),
    }
}

/// The differences between the two drivers.
trait Driver: Database {
    const BEGIN: &'static str;

    fn run(
        conn: &mut Self::Connection,
        text: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

impl Driver for Sqlite {
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    async fn run(conn: &mut SqliteConnection, text: &'static str) -> sqlx::Result<()> {
        conn.execute(text).await.map(drop)
    }
}

impl Driver for Postgres {
    const BEGIN: &'static str = "BEGIN";

    async fn run(conn: &mut PgConnection, text: &'static str) -> sqlx::Result<()> {
        conn.execute(text).await.map(drop)
    }
}

/// Runs `$body` in a transaction on a connection of `$pool`, again and again.
macro_rules! transaction {
    ($pool:expr, |$tx:ident| $body:expr) => {
        retried(|deadline| async move {
            let begun = timeout_at(deadline, async {
                let mut $tx = begin($pool).await?;
                let body = $body.await;
                settle($tx, body).await
            });
            let tx = begun.await.map_err(|_| Failed::Late)??;
            commit(tx, deadline).await
        })
        .await
    };
}

macro_rules! bank {
    ($bodies:ident, $Pool:ty, $read:ident, $write:ident) => {
        impl Bank for Promising<$Pool> {
            async fn balance(&self, id: i64) -> Fallible<i64> {
                retried(|deadline| async move {
                    let read = timeout_at(deadline, async {
                        let conn = $read(&self.0).acquire().await?;
                        let mut conn = Guarded { conn, clean: false };
                        let cents = sqlx::query_scalar(BALANCE).bind(id);
                        let cents = cents.fetch_one(&mut *conn).await;
                        conn.is_clean(true);
                        cents
                    });
                    Ok(read.await.map_err(|_| Failed::Late)??)
                })
                .await
            }

            async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
                transaction!($write(&self.0), |tx| $bodies::transfer(
                    &mut tx, from, to, cents
                ))
            }

            async fn insert_each(&self, items: &Items) -> Fallible<()> {
                transaction!($write(&self.0), |tx| $bodies::insert_each(&mut tx, items))
            }

            async fn insert_many(&self, items: &Items) -> Fallible<()> {
                transaction!($write(&self.0), |tx| $bodies::insert_many(&mut tx, items))
            }
        }
    };
}

bank!(on_sqlite, Pools, reader, writer);
bank!(on_postgres, PgPool, the_one, the_one);

fn reader(pools: &Pools) -> &SqlitePool {
    &pools.read
}

fn writer(pools: &Pools) -> &SqlitePool {
    &pools.write
}

fn the_one(pool: &PgPool) -> &PgPool {
    pool
}
