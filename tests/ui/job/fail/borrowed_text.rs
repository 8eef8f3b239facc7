//! An argument that borrows a text.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, title: &str) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
