//! A job that is enqueued on another database.
#![allow(unused)]

use dbop::jobs::Job;
use dbop::{Db, job};
use sqlx::{Postgres, Sqlite};

#[job]
async fn pay(job: &Job<Sqlite>, id: i64) -> dbop::Result<()> {
    Ok(())
}

async fn caller(db: &Db<Postgres>) -> dbop::Result<()> {
    pay::enqueue(db, 1).await?;
    Ok(())
}

fn main() {}
