//! A job that is not async.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
