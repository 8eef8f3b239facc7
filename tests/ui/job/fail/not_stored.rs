//! An argument that cannot be stored.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

struct Order;

#[job]
async fn pay(job: &Job<Sqlite>, order: Order) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
