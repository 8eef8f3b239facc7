//! A job that names `DB` without the option `on`.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;

#[job]
async fn pay(job: &Job<DB>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
