//! An argument with a lifetime.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, title: std::borrow::Cow<'a, str>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
