//! An argument that borrows a list.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, ids: &[i64]) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
