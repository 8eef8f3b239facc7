//! A limit whose key is no text.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(concurrency(limit = 2, key = ids))]
async fn pay(job: &Job<Sqlite>, ids: Vec<i64>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
