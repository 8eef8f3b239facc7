//! An argument that borrows inside of its type.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, title: Option<&str>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
