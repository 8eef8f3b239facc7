//! Every place where a level may stand.
#![deny(warnings)]
#![allow(dead_code)]

use std::time::Duration;

use dbop::{Conn, Scope, Tx, db_op, transactional};
use sqlx::{Executor, Postgres, Sqlite};
use tokio::time::sleep;

#[dbop::allow(foreign_await, reason = "the turn lasts microseconds")]
#[transactional]
async fn above(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    sleep(Duration::from_millis(1)).await;
    tx.execute("SELECT 1").await?;
    Ok(())
}

#[transactional]
#[dbop::allow(foreign_await, unfiltered_write)]
async fn below(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    sleep(Duration::from_millis(1)).await;
    tx.execute("DELETE FROM jobs").await?;
    Ok(())
}

#[transactional(
    read_only,
    allow(foreign_await, reason = "the turn lasts microseconds")
)]
async fn among_the_options(tx: &mut Tx<'_, Postgres>) -> dbop::Result<()> {
    sleep(Duration::from_millis(1)).await;
    tx.execute("SELECT 1").await?;
    Ok(())
}

#[transactional]
async fn in_the_body(tx: &mut Tx<'_, Sqlite>, wait: bool) -> dbop::Result<u64> {
    #[dbop::allow(foreign_await)]
    let () = sleep(Duration::from_millis(1)).await;
    #[dbop::allow(foreign_await)]
    if wait {
        sleep(Duration::from_millis(2)).await;
    }
    #[dbop::allow(foreign_await)]
    tokio::join!(sleep(Duration::from_millis(3)));
    match wait {
        #[dbop::allow(foreign_await)]
        true => sleep(Duration::from_millis(4)).await,
        false => {}
    }
    #[dbop::allow(query_in_loop)]
    for _ in 0..2 {
        tx.execute("SELECT 1").await?;
    }
    #[dbop::allow(unfiltered_write)]
    Ok(tx.execute("DELETE FROM jobs").await?.rows_affected())
}

struct Jobs;

impl Jobs {
    #[dbop::allow(swallowed_error, reason = "the next run finds it")]
    #[db_op]
    async fn a_method(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        let _ = conn.execute("SELECT 1").await;
        Ok(())
    }
}

trait Cleanup {
    async fn clean_up(&self, conn: impl Scope<Sqlite>) -> dbop::Result<()>;
}

impl Cleanup for Jobs {
    #[db_op]
    #[dbop::allow(unfiltered_write)]
    async fn clean_up(&self, conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        conn.execute("DELETE FROM jobs").await?;
        Ok(())
    }
}

// It is found, so nothing is told.
#[dbop::expect(unfiltered_write)]
#[db_op]
async fn a_fulfilled_expectation(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM jobs").await?;
    #[dbop::expect(blocking_call, reason = "one microsecond")]
    std::thread::sleep(Duration::from_micros(1));
    Ok(())
}

// Found in the signature and among the options.
#[dbop::expect(unreplayable_argument)]
#[transactional]
async fn an_expectation_of_the_signature(
    tx: &mut Tx<'_, Sqlite>,
    seen: &mut u64,
) -> dbop::Result<()> {
    *seen = tx.execute("SELECT 1").await?.rows_affected();
    Ok(())
}

#[db_op(retry(attempts = 2))]
#[dbop::expect(retry_without_idempotence)]
async fn an_expectation_of_an_option(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("INSERT INTO jobs DEFAULT VALUES").await?;
    Ok(())
}

#[cfg_attr(all(), dbop::allow(unfiltered_write))]
#[tracing::instrument(skip_all)]
#[db_op]
async fn above_other_attributes(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM jobs").await?;
    Ok(())
}

#[db_op]
#[tracing::instrument(skip_all)]
#[cfg_attr(all(), dbop::allow(unfiltered_write))]
async fn below_other_attributes(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    conn.execute("DELETE FROM jobs").await?;
    Ok(())
}

// rustc's own of the same names go where they always went.
#[allow(unused_variables)]
#[db_op]
async fn beside_those_of_rustc(conn: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    #[expect(clippy::needless_return)]
    return Ok(());
}

// Functions inside have attributes of their own.
#[transactional]
async fn around_functions(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::allow(foreign_await)]
    #[transactional]
    async fn above(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        sleep(Duration::from_millis(1)).await;
        tx.execute("SELECT 1").await?;
        Ok(())
    }
    #[transactional]
    #[dbop::expect(unfiltered_write)]
    async fn below(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        tx.execute("DELETE FROM jobs").await?;
        Ok(())
    }
    #[dbop::allow(foreign_await)]
    sleep(Duration::from_millis(1)).await;
    above(&mut *tx).await?;
    below(tx).await
}

fn main() {}
