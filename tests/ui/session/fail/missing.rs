//! A transaction needs a parameter to hand it over.
#![allow(unused)]

use dbop::transactional;

#[transactional]
async fn no_parameter() -> dbop::Result<()> {
    Ok(())
}

#[transactional]
async fn pool(pool: &sqlx::SqlitePool, id: i64) -> dbop::Result<()> {
    Ok(())
}

struct Repository;

impl Repository {
    #[transactional]
    async fn method(&self, id: i64) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
