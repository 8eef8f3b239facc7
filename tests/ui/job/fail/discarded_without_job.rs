//! A function for discarded jobs that is no job.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(discarded = tell)]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

async fn tell(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
