//! A kind that the database cannot keep.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job(name = "my mail")]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
