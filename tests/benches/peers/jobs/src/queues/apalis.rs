//! apalis, with its own storages.

use std::path::Path;

use apalis::prelude::{
    BackendExt, BoxDynError, TaskSink, WorkerBuilder, WorkerBuilderExt, WorkerContext,
};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use futures_util::future::{BoxFuture, join};
use harness::bank::Fallible;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, SqlitePool};

use crate::pools;
use crate::queue::{Pace, Queue, nothing};

/// The connections on Postgres, as many as the others have.
const POOL: u32 = 5;

const QUEUE: &str = "default";

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Count {
    number: i64,
}

async fn count(job: Count) -> Result<(), BoxDynError> {
    let _ = job.number;
    nothing();
    Ok(())
}

pub(crate) struct OnSqlite {
    pool: SqlitePool,
    admin: SqlitePool,
}

pub(crate) struct OnPostgres {
    pool: PgPool,
    admin: PgPool,
}

impl OnSqlite {
    /// Opens one connection that writes, as dbop does. `setup` would turn `synchronous` off.
    pub(crate) async fn open(file: &Path) -> Fallible<Self> {
        let pool = pools::sqlite(file, 1).await?;
        SqliteStorage::migrations().run(&pool).await?;
        let admin = pools::sqlite(file, 1).await?;
        Ok(Self { pool, admin })
    }
}

impl OnPostgres {
    pub(crate) async fn open(url: &str) -> Fallible<Self> {
        let pool = pools::postgres(url, POOL).await?;
        PostgresStorage::setup(&pool).await?;
        let admin = pools::postgres(url, 1).await?;
        Ok(Self { pool, admin })
    }
}

macro_rules! queue {
    ($On:ident, $Storage:ident, $config:path, $jobs:literal, $analyze:literal, $clear:literal) => {
        impl $On {
            fn storage(&self, batch: usize) -> $Storage<Count> {
                // A job that is fetched is marked so. Another mark when the body begins is left out.
                let config = <$config>::default()
                    .queue(QUEUE)
                    .batch_size(batch)
                    .lock_tasks(false);
                $Storage::new(&self.pool).with_config(config)
            }
        }

        impl Queue for $On {
            async fn clear(&self) -> Fallible<()> {
                sqlx::raw_sql($clear).execute(&self.admin).await?;
                Ok(())
            }

            async fn analyze(&self) -> Fallible<()> {
                sqlx::raw_sql($analyze).execute(&self.admin).await?;
                Ok(())
            }

            async fn completed(&self) -> Fallible<i64> {
                let completed = concat!("SELECT count(*) FROM ", $jobs, " WHERE status = 'Done'");
                Ok(sqlx::query_scalar(completed).fetch_one(&self.admin).await?)
            }

            async fn enqueue(&self, number: i64) -> Fallible<()> {
                self.storage(1).push(Count { number }).await?;
                Ok(())
            }

            async fn enqueue_many(&self, jobs: i64) -> Fallible<()> {
                let jobs = (0..jobs).map(|number| Count { number }).collect();
                self.storage(1).push_bulk(jobs).await?;
                Ok(())
            }

            async fn work(&self, pace: Pace, until: BoxFuture<'_, Fallible<()>>) -> Fallible<()> {
                let context = WorkerContext::new(&format!("peer-{:016x}", fastrand::u64(..)));
                let storage = self.storage(pace.at_once);
                let worker = WorkerBuilder::new(&context)
                    .backend(storage.poll_with_interval(pace.poll_every))
                    .concurrency(pace.at_once)
                    .build(count);
                let until = async {
                    let done = until.await;
                    context.stop()?;
                    done
                };
                let (ran, done) = join(worker.run(), until).await;
                ran?;
                done
            }
        }
    };
}

queue!(
    OnSqlite,
    SqliteStorage,
    apalis_sqlite::Config,
    "Jobs",
    "SELECT 1",
    "DELETE FROM Jobs; PRAGMA wal_checkpoint(TRUNCATE);"
);
queue!(
    OnPostgres,
    PostgresStorage,
    apalis_postgres::Config,
    "apalis.jobs",
    "VACUUM ANALYZE apalis.jobs",
    "TRUNCATE apalis.jobs"
);
