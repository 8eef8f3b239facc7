//! A priority that there is not.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(priority = 5)]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
