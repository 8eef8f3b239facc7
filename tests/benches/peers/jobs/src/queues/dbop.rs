//! dbop's jobs.

use std::path::Path;
use std::time::Duration;

use dbop::jobs::{Job, JobDatabase, Workers};
use dbop::{Db, job};
use futures_util::future::BoxFuture;
use harness::bank::Fallible;
use sqlx::{Postgres, Sqlite};

use super::river::Tables;
use crate::queue::{Pace, Queue, nothing};

/// How many connections the handle has, beside those of the engine.
const POOL: u32 = 5;

#[job(on = [Sqlite, Postgres])]
async fn count(job: &Job<DB>, number: i64) -> dbop::Result<()> {
    let _ = (job, number);
    nothing();
    Ok(())
}

pub(crate) struct Dbop<DB: JobDatabase> {
    db: Db<DB>,
    tables: Tables<DB>,
}

impl Dbop<Sqlite> {
    pub(crate) async fn on_sqlite(file: &Path) -> Fallible<Self> {
        let db = Db::builder().url(format!("sqlite:{}", file.display()));
        let db = db.max_connections(POOL).connect().await?;
        dbop::jobs::migrate(&db).await?;
        let tables = Tables::of_file(file).await?;
        Ok(Self { db, tables })
    }
}

impl Dbop<Postgres> {
    pub(crate) async fn on_postgres(url: &str) -> Fallible<Self> {
        let db = Db::builder().url(url).max_connections(POOL);
        let db = db.connect().await?;
        dbop::jobs::migrate(&db).await?;
        let tables = Tables::of_database(url).await?;
        Ok(Self { db, tables })
    }
}

/// How long workers may take to stop.
const STOP: Duration = Duration::from_secs(30);

macro_rules! queue {
    ($Database:ty) => {
        impl Dbop<$Database> {
            /// Runs a statement that changes the tables.
            pub(crate) async fn changed(self, sql: &'static str) -> Fallible<Self> {
                self.tables.run(sql).await?;
                Ok(self)
            }
        }

        impl Queue for Dbop<$Database> {
            async fn clear(&self) -> Fallible<()> {
                self.tables.clear().await
            }

            async fn analyze(&self) -> Fallible<()> {
                self.tables.analyze().await
            }

            async fn completed(&self) -> Fallible<i64> {
                self.tables.completed().await
            }

            async fn enqueue(&self, number: i64) -> Fallible<()> {
                count::enqueue(&self.db, number).await?;
                Ok(())
            }

            async fn enqueue_many(&self, jobs: i64) -> Fallible<()> {
                count::enqueue_many(&self.db, (0..jobs).map(count::new)).await?;
                Ok(())
            }

            async fn work(&self, pace: Pace, until: BoxFuture<'_, Fallible<()>>) -> Fallible<()> {
                let workers = Workers::new(&self.db)
                    .queue(riverqueue::QUEUE_DEFAULT, pace.at_once)
                    .poll_every(pace.poll_every);
                let workers = workers.start().await?;
                let done = until.await;
                workers.stop(STOP).await;
                done
            }
        }
    };
}

queue!(Sqlite);
queue!(Postgres);
