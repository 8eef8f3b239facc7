//! An argument without a name.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, (from, to): (i64, i64)) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
