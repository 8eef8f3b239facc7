//! A job that takes its `Job` by value.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
