//! A job for discarded jobs that takes something else.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(discarded = tell)]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[job]
async fn tell(job: &Job<Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
