//! A job that returns no `Result`.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>) -> i64 {
    1
}

fn main() {}
