//! A step that keeps its transaction.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>) -> dbop::Result<()> {
    let mut kept = None;
    job.write("first", async |tx| {
        kept = Some(tx);
        dbop::Result::<()>::Ok(())
    })
    .await
}

fn main() {}
