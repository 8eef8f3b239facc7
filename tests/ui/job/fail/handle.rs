//! A job that takes a handle.
#![allow(unused)]

use dbop::jobs::Job;
use dbop::{Db, job};
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, db: &Db<Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
