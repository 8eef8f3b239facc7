//! A job that takes a connection beside its `Job`.
#![allow(unused)]

use dbop::jobs::Job;
use dbop::{Conn, job};
use sqlx::Sqlite;

#[job]
async fn pay(job: &Job<Sqlite>, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
