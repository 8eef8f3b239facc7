//! A job that takes its `Job` by a mutable reference.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &mut Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
