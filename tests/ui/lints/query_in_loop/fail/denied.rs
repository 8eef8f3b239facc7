//! As an error, which underlines the statement.
#![allow(unused)]

use dbop::{Tx, transactional};
use sqlx::Postgres;

#[dbop::deny(query_in_loop)]
#[transactional]
async fn above(tx: &mut Tx<'_, Postgres>, names: &[String]) -> dbop::Result<()> {
    for name in names {
        sqlx::query("INSERT INTO users (name) VALUES ($1)")
            .bind(name)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

#[transactional]
async fn at_the_loop(tx: &mut Tx<'_, Postgres>, names: &[String]) -> dbop::Result<()> {
    #[dbop::deny(query_in_loop)]
    for name in names {
        let exists: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE name = $1)")
                .bind(name)
                .fetch_one(&mut *tx)
                .await?;
    }
    Ok(())
}

fn main() {}
