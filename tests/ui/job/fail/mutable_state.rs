//! A job that would change its state.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

struct Counts;

#[job]
async fn pay(job: &Job<Sqlite>, counts: &mut Counts) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
