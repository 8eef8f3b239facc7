//! A job that names `Self`.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Self::pay()
}

fn main() {}
