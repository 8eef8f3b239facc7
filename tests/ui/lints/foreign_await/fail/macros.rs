//! Futures that are awaited inside of a macro.
#![allow(unused)]

use dbop::{Tx, transactional};
use sqlx::Sqlite;

async fn exchange_rate(currency: &str) -> f64 {
    currency.len() as f64
}

async fn cents(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<i64> {
    let sum = sqlx::query_scalar("SELECT sum(cents) FROM accounts");
    Ok(sum.fetch_one(&mut *tx).await?)
}

// The slowest of them decides how long the transaction stays open.
#[transactional]
async fn joins_one_that_is_not_of_the_transaction(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<f64> {
    let (cents, rate) = tokio::join!(cents(&mut *tx), exchange_rate("eur"));
    Ok(cents? as f64 * rate)
}

#[transactional]
async fn joins_blocks(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<f64> {
    let (cents, rate) = tokio::try_join!(cents(&mut *tx), async {
        dbop::Result::Ok(exchange_rate("eur").await)
    })?;
    Ok(cents as f64 * rate)
}

#[transactional]
async fn selects_among_others(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<f64> {
    let rate = tokio::select! {
        rate = exchange_rate("eur") => rate,
        rate = exchange_rate("usd") => rate,
    };
    Ok(cents(tx).await? as f64 * rate)
}

#[transactional]
async fn waits_in_the_handler_of_a_branch(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<f64> {
    tokio::select! {
        cents = cents(&mut *tx) => Ok(cents? as f64 * exchange_rate("eur").await),
        _ = std::future::pending::<()>() => Ok(0.0),
    }
}

#[transactional]
async fn waits_in_an_argument(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    println!("{} at {}", cents(tx).await?, exchange_rate("eur").await);
    Ok(())
}

macro_rules! log {
    ($($name:ident => $value:expr);*) => { $(println!("{}: {:?}", stringify!($name), $value);)* };
}

// What does not read as Rust is searched for `.await`.
#[transactional]
async fn waits_in_a_macro_of_its_own_syntax(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    log!(cents => cents(&mut *tx).await?; rate => exchange_rate("eur").await);
    Ok(())
}

fn main() {}
