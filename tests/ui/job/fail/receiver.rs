//! A job that is a method.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

struct Bank;

impl Bank {
    #[job]
    async fn pay(&self, job: &Job<Sqlite>) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
