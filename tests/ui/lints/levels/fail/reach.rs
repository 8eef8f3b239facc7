//! A level holds for what it stands at, and the innermost one holds.
#![allow(unused)]

use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Executor, Postgres, Sqlite};
use tokio::time::sleep;

#[transactional]
async fn one_statement_and_not_the_next(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::allow(foreign_await)]
    sleep(Duration::from_millis(1)).await;
    sleep(Duration::from_millis(2)).await;
    Ok(())
}

#[transactional]
async fn one_block_and_not_what_follows(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::allow(foreign_await)]
    {
        sleep(Duration::from_millis(1)).await;
        sleep(Duration::from_millis(2)).await;
    }
    sleep(Duration::from_millis(3)).await;
    Ok(())
}

#[transactional]
async fn one_arm_and_not_the_other(tx: &mut Tx<'_, Sqlite>, wait: bool) -> dbop::Result<()> {
    match wait {
        #[dbop::allow(foreign_await)]
        true => sleep(Duration::from_millis(1)).await,
        false => sleep(Duration::from_millis(2)).await,
    }
    Ok(())
}

#[transactional]
async fn one_lint_and_not_another(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[dbop::allow(foreign_await)]
    tx.execute("DELETE FROM jobs").await?;
    Ok(())
}

#[dbop::allow(foreign_await)]
#[transactional]
async fn denied_again_inside(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    sleep(Duration::from_millis(1)).await;
    #[dbop::deny(foreign_await)]
    sleep(Duration::from_millis(2)).await;
    Ok(())
}

// Of two that contradict each other the lower one holds.
#[dbop::allow(foreign_await)]
#[dbop::deny(foreign_await)]
#[transactional]
async fn denied_further_down(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    sleep(Duration::from_millis(1)).await;
    Ok(())
}

#[dbop::deny(query_in_loop)]
#[db_op]
async fn a_warning_that_is_denied(conn: &mut Conn<'_, Postgres>, ids: &[i64]) -> dbop::Result<()> {
    for id in ids {
        sqlx::query("DELETE FROM jobs WHERE id = $1")
            .bind(id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

// A function inside has levels of its own.
#[transactional(allow(foreign_await))]
async fn the_outer_function_only(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    #[transactional]
    async fn inner(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
        sleep(Duration::from_millis(1)).await;
        Ok(())
    }
    sleep(Duration::from_millis(2)).await;
    inner(tx).await
}

fn main() {}
