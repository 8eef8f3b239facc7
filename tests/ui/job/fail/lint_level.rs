//! A level of lints on a job.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
#[dbop::allow(foreign_await)]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
