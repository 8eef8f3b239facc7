//! An argument whose type has no name.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, title: impl Into<String>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
