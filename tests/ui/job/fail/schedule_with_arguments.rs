//! A schedule for a job with arguments.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(schedule = "0 3 * * *")]
async fn pay(job: &Job<Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
