//! A job that is unique by an argument that the job does not have.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(unique(args = [customer]))]
async fn pay(job: &Job<Sqlite>, customer_id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
