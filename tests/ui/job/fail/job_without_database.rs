//! A job that does not say its database.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;

#[job]
async fn pay(job: &Job) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
