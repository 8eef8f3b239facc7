//! State that is found by no type.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

trait Clock {}

#[job]
async fn pay(job: &Job<Sqlite>, clock: &dyn Clock) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
