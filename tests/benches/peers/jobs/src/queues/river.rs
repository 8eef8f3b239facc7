//! riverqueue alone, with the settings that dbop gives to it.

use std::marker::PhantomData;
use std::path::Path;

use dbop::Db;
use futures_util::future::BoxFuture;
use harness::bank::Fallible;
use riverqueue::migrate::{PostgresMigrator, SqliteMigrator};
use riverqueue::{
    Client, ClientBuilder, Job, JobArgs, QueueConfig, WorkContext, WorkOutcome, Workers,
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool};

use crate::pools;
use crate::queue::{Pace, Queue, nothing};

/// The connections on Postgres, as many as dbop gives to its engine.
const POOL: u32 = 5;

#[derive(Clone, Debug, Deserialize, Serialize, JobArgs)]
#[river(kind = "count")]
struct Count {
    number: i64,
}

/// What is done to the tables outside of the measured time.
pub(crate) struct Tables<DB: sqlx::Database> {
    pool: sqlx::Pool<DB>,
}

const COMPLETED: &str = "SELECT count(*) FROM river_job WHERE state = 'completed'";

impl Tables<Sqlite> {
    pub(crate) async fn of_file(file: &Path) -> Fallible<Self> {
        let pool = pools::sqlite(file, 1).await?;
        Ok(Self { pool })
    }

    pub(crate) async fn clear(&self) -> Fallible<()> {
        // The write-ahead log is emptied, so that no contestant's turn pays for another's.
        self.run("DELETE FROM river_job; DELETE FROM river_notification; PRAGMA wal_checkpoint(TRUNCATE);")
            .await
    }

    pub(crate) async fn analyze(&self) -> Fallible<()> {
        Ok(())
    }
}

impl Tables<Postgres> {
    pub(crate) async fn of_database(url: &str) -> Fallible<Self> {
        let pool = pools::postgres(url, 1).await?;
        Ok(Self { pool })
    }

    pub(crate) async fn clear(&self) -> Fallible<()> {
        self.run("TRUNCATE river_job").await
    }

    pub(crate) async fn analyze(&self) -> Fallible<()> {
        self.run("VACUUM ANALYZE river_job").await
    }
}

/// riverqueue in a database of its own.
pub(crate) struct River<DB: sqlx::Database> {
    pool: sqlx::Pool<DB>,
    inserts: Client,
    tables: Tables<DB>,
    /// Whether each attempt writes its name into the metadata, as an attempt of dbop's does.
    writes_name: bool,
    database: PhantomData<DB>,
}

impl River<Sqlite> {
    /// Opens a pool of so many connections, which all may write.
    pub(crate) async fn on_sqlite(file: &Path, connections: u32) -> Fallible<Self> {
        let pool = pools::sqlite(file, connections).await?;
        SqliteMigrator::new(pool.clone()).migrate_up().await?;
        let tables = Tables::of_file(file).await?;
        Self::new(pool, tables)
    }
}

impl River<Postgres> {
    pub(crate) async fn on_postgres(url: &str) -> Fallible<Self> {
        let pool = pools::postgres(url, POOL).await?;
        PostgresMigrator::new(pool.clone()).migrate_up().await?;
        let tables = Tables::of_database(url).await?;
        Self::new(pool, tables)
    }
}

macro_rules! queue {
    ($Database:ty, $Pool:ty) => {
        impl Tables<$Database> {
            pub(crate) async fn run(&self, sql: &'static str) -> Fallible<()> {
                sqlx::raw_sql(sql).execute(&self.pool).await?;
                Ok(())
            }

            pub(crate) async fn completed(&self) -> Fallible<i64> {
                Ok(sqlx::query_scalar(COMPLETED).fetch_one(&self.pool).await?)
            }
        }

        impl River<$Database> {
            fn new(pool: $Pool, tables: Tables<$Database>) -> Fallible<Self> {
                let inserts = Client::builder(pool.clone()).build()?;
                Ok(Self {
                    pool,
                    inserts,
                    tables,
                    writes_name: false,
                    database: PhantomData,
                })
            }

            /// Lets each attempt write its name.
            pub(crate) fn writing_names(self) -> Self {
                Self {
                    writes_name: true,
                    ..self
                }
            }

            /// Creates what dbop keeps beside the tables, with the trigger that guards jobs.
            pub(crate) async fn guarded(self) -> Fallible<Self> {
                self.changed(Db::<$Database>::JOBS_SCHEMA).await
            }

            /// Runs a statement that changes the tables.
            pub(crate) async fn changed(self, sql: &'static str) -> Fallible<Self> {
                self.tables.run(sql).await?;
                Ok(self)
            }
        }

        impl Queue for River<$Database> {
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
                self.inserts.insert(Count { number }).await?;
                Ok(())
            }

            async fn enqueue_many(&self, jobs: i64) -> Fallible<()> {
                let jobs = (0..jobs).map(|number| Count { number });
                self.inserts.insert_many(jobs).await?;
                Ok(())
            }

            async fn work(&self, pace: Pace, until: BoxFuture<'_, Fallible<()>>) -> Fallible<()> {
                let builder = Client::builder(self.pool.clone());
                worked(builder, self.writes_name, pace, until).await
            }
        }
    };
}

queue!(Sqlite, SqlitePool);
queue!(Postgres, PgPool);

async fn worked(
    builder: ClientBuilder,
    writes_name: bool,
    pace: Pace,
    until: BoxFuture<'_, Fallible<()>>,
) -> Fallible<()> {
    let id = format!("peer:{:016x}", fastrand::u64(..));
    let mut workers = Workers::new();
    let name = id.clone();
    workers.add_fn(move |context: WorkContext, job: Job<Count>| {
        let name = writes_name.then(|| {
            let since = job.row.attempted_at.unwrap_or_default().as_millisecond();
            format!("{name}/{}/{since}", job.row.attempt)
        });
        async move {
            if let Some(name) = name {
                context.metadata_set("dbop:by", name)?;
            }
            let _ = job.args.number;
            nothing();
            Ok::<_, riverqueue::Error>(WorkOutcome::Complete)
        }
    })?;
    let queue = QueueConfig::new(pace.at_once).with_fetch_poll_interval(pace.poll_every);
    let client = builder
        .id(id)
        .workers(workers)
        .fetch_only_known_kinds(true)
        .fetch_cooldown(pace.cooldown)
        .queue(riverqueue::QUEUE_DEFAULT, queue)
        .build()?;
    let mut run = client.start()?;
    let done = until.await;
    run.stop().await?;
    done
}
