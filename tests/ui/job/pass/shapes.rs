//! Jobs as they are written, without a warning.
#![deny(warnings, missing_docs, unreachable_pub)]

use dbop::jobs::{Discarded, Job, NewJob};
use dbop::{Db, Tx, job};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, Sqlite};

#[derive(Clone, Serialize, Deserialize)]
struct Arguments {
    id: i64,
}

struct Llm;

/// A module whose jobs others enqueue.
pub mod plans {
    use super::{Job, Llm, Postgres, job};

    /// Makes a plan.
    #[job(queue = "planning", max_attempts = 5, timeout = "10m", unique(args = [cycle_id], period = "1h"))]
    pub async fn generate(
        job: &Job<Postgres>,
        llm: &Llm,
        mut cycle_id: i64,
        r#type: String,
    ) -> Result<i64, dbop::Error> {
        let _ = (job, llm, r#type);
        cycle_id += 1;
        Ok(cycle_id)
    }

    #[job(on = [Sqlite])]
    pub(crate) async fn tidy(_: &Job<DB>, _llm: &Llm) -> dbop::Result<()> {
        Ok(())
    }
}

#[job(
    on = [Sqlite, Postgres],
    name = "mail.pay",
    concurrency(limit = 2, key = arguments.id),
    rate(limit = 10, per = "1m", key = scope),
    discarded = tell,
    idempotent
)]
async fn pay(
    job: &Job<DB>,
    arguments: Arguments,
    scope: String,
    _jobs: Option<u8>,
) -> dbop::Result<()> {
    let id = arguments.id;
    job.write("charge", async |tx| charge(tx, id).await).await?;
    let _ = pay::new(arguments, scope, None);
    job.write("again", async |tx: &mut Tx<'_, DB>| charge(tx, id).await)
        .await
}

#[dbop::transactional(on = [Sqlite, Postgres])]
async fn charge(tx: &mut Tx<'_, DB>, id: i64) -> dbop::Result<()> {
    let _ = (tx, id);
    Ok(())
}

#[job(unique, backoff(base = "1s", max = "1h"))]
async fn tell(job: &Job<Sqlite>, gone: Discarded) -> dbop::Result<()> {
    let _ = (job, gone);
    Ok(())
}

#[job(schedule(cron = "0 3 * * *", time_zone = "Europe/Berlin"))]
async fn nightly(_: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

async fn callers(sqlite: &Db<Sqlite>, postgres: &Db<Postgres>) -> dbop::Result<()> {
    plans::generate::enqueue(postgres, 1, String::new()).await?;
    plans::tidy::enqueue(sqlite).await?;
    pay::enqueue(sqlite, Arguments { id: 1 }, String::new(), None).await?;
    pay::enqueue_many(
        postgres,
        [pay::new(Arguments { id: 1 }, String::new(), None)],
    )
    .await?;
    let jobs: Vec<NewJob<nightly>> = vec![nightly::new()];
    nightly::enqueue_many(sqlite, jobs).await?;
    Ok(())
}

fn is_send(_: impl Send) {}

fn main() {
    let _ = |sqlite: &Db<Sqlite>, postgres: &Db<Postgres>| is_send(callers(sqlite, postgres));
}
