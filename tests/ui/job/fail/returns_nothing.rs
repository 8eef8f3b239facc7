//! A job that returns nothing.
#![allow(unused)]

use dbop::job;
use dbop::jobs::Job;
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>) {}

fn main() {}
