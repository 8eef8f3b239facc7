//! A limit without a number.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(concurrency(key = customer_id))]
async fn pay(job: &Job<Sqlite>, customer_id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
