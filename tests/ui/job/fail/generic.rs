//! A job with a type that nobody chooses.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay<T>(job: &Job<Sqlite>, id: T) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
