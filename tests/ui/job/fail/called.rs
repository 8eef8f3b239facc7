//! A job that is called like a function.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

async fn caller(job: &Job<Sqlite>) -> dbop::Result<()> {
    pay(job, 1).await
}

fn main() {}
