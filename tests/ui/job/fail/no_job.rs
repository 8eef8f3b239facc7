//! A job that takes no `Job`.
#![allow(unused)]

use dbop::job;

#[job]
async fn pay(id: i64) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
