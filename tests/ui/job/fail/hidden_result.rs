//! A job whose type has a name that hides that the type is no `Result`.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

type Number = i64;

#[job]
async fn pay(job: &Job<Sqlite>) -> Number {
    1
}

fn main() {}
