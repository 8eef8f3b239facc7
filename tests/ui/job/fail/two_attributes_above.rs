//! A function that is an operation, and a job below that.
#![allow(unused)]

use dbop::jobs::Job;
use dbop::{db_op, job};
use sqlx::Sqlite;

#[db_op]
#[job]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
