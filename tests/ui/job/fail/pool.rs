//! A job that takes a pool.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::{Sqlite, SqlitePool};

#[job]
async fn pay(job: &Job<Sqlite>, pool: &SqlitePool) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
