//! Several things that happen at once while a call is dropped: another call, rows that arrive, the
//! end of the pool.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use dbop::{Conn, Outcome, Tx, db_op, transactional};
use futures_util::TryStreamExt;
use sqlx::Executor;
use tokio::time::timeout;

use super::super::super::SWEEPS;
use super::Database;
use super::operations::{MANY, Trial, Trouble, one_statement, transaction};
use super::rounds::{Promise, all_or_nothing, cut};
use super::world::World;

#[transactional]
async fn writes_from(tx: &mut Tx<'_, Database>, trial: Trial, part: i64) -> Result<(), Trouble> {
    trial.write(&mut *tx, part).await?;
    Ok(trial.write(&mut *tx, part + 1).await?)
}

#[tokio::test]
async fn of_calls_that_are_dropped_together_each_is_all_there_or_not_at_all() {
    let promise = Promise {
        states: &[&[], &[1, 2], &[3, 4], &[1, 2, 3, 4]],
        hooks: false,
        complete: |seen| seen.dropped[0] > 0 && seen.dropped[1..].iter().any(|each| *each > 0),
    };
    let mut world = World::with(|builder| builder.max_connections(2)).await;
    let db = &world.db();
    let call = |trial: Trial| async move {
        let first = writes_from(db, trial.clone(), 1);
        let (first, second) = tokio::join!(first, writes_from(db, trial, 3));
        first.and(second)
    };
    world.at_every_poll("two calls", promise, call).await;
}

async fn read_some<'e>(executor: impl Executor<'e, Database = Database>) -> sqlx::Result<()> {
    let mut rows = sqlx::query(MANY).fetch(executor);
    for _ in 0..3 {
        rows.try_next().await?.expect("many rows");
    }
    Ok(())
}

#[transactional]
async fn reads_half(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write(&mut *tx, 1).await?;
    read_some(&mut *tx).await?;
    trial.write(&mut *tx, 2).await?;
    Ok(read_some(&mut *tx).await?)
}

#[db_op]
async fn reads_half_of_a_session(
    conn: &mut Conn<'_, Database>,
    trial: Trial,
) -> Result<(), Trouble> {
    read_some(&mut *conn).await?;
    trial.write_two(&mut *conn, 1).await?;
    Ok(read_some(&mut *conn).await?)
}

#[tokio::test]
async fn a_call_that_lets_rows_go_half_way_can_be_dropped_anywhere() {
    let mut world = World::narrow().await;
    let db = world.db();
    let call = |trial| reads_half(&db, trial);
    let promise = all_or_nothing(&[&[], &[1, 2]]);
    world.at_every_poll("half a read", promise, call).await;

    let promise = Promise {
        states: &[&[], &[1, 2]],
        hooks: false,
        complete: |seen| seen.dropped[1] > 0,
    };
    // How long the rest of the rows takes is up to the machine. A call that has not waited for the
    // last of them reports an unknown effect, and promises no more than a call that was dropped.
    let call = async |trial| match reads_half_of_a_session(&db, trial).await {
        Err(error) if error.database().outcome().unwrap() == Outcome::Unknown => loop {
            tokio::task::yield_now().await;
        },
        told => told,
    };
    world
        .at_every_poll("half a read of a session", promise, call)
        .await;
}

#[transactional]
async fn writes_half(tx: &mut Tx<'_, Database>, trial: Trial) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    let write = "INSERT INTO parts VALUES ($1, 1), ($1, 2) RETURNING part";
    let mut rows = sqlx::query(write).bind(trial.call).fetch(&mut *tx);
    rows.try_next().await?;
    tokio::task::yield_now().await;
    drop(rows);
    tokio::task::yield_now().await;
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_lets_a_write_go_half_way_leaves_nothing_wherever_it_is_dropped() {
    let promise = Promise {
        states: &[&[]],
        hooks: true,
        complete: |seen| seen.polls > 2,
    };
    let mut world = World::narrow().await;
    let db = world.db();
    let call = |trial| writes_half(&db, trial);
    world.at_every_poll("half a write", promise, call).await;
}

/// Drops a call while the pool closes. `closing_first`: the pool begins to close before the call is
/// dropped.
async fn while_closing(world: &mut World, polls: u32, closing_first: bool, one: bool) -> bool {
    let db = world.another().await;
    let trial = world.trial();
    let call = async {
        match one {
            true => one_statement(&db, trial.clone()).await,
            false => transaction(&db, trial.clone()).await,
        }
    };
    let mut close = Box::pin(db.close());
    let mut closing = poll_fn(|cx| {
        let _ = close.as_mut().poll(cx);
        Poll::Ready(())
    });
    let mut call = Box::pin(call);
    let output = cut(polls, Duration::ZERO, call.as_mut()).await;
    if closing_first {
        (&mut closing).await;
    }
    drop(call);
    let context = format!("dropped after {polls} polls, closing first: {closing_first}");
    let closed = timeout(Duration::from_secs(5), close).await;
    closed.unwrap_or_else(|_| panic!("{context}: the pool never closes"));
    drop(db);
    let promise = match one {
        true => Promise {
            hooks: false,
            ..all_or_nothing(&[&[], &[1, 2]])
        },
        false => all_or_nothing(&[&[], &[1, 2]]),
    };
    world
        .check(&trial, promise, output.as_ref(), &context)
        .await;
    output.is_some()
}

#[tokio::test]
async fn a_call_dropped_anywhere_does_not_keep_its_pool_from_closing() {
    let mut world = World::narrow().await;
    for one in [false, true] {
        for closing_first in [false, true] {
            for _ in 0..SWEEPS {
                let mut polls = 1;
                while !while_closing(&mut world, polls, closing_first, one).await {
                    polls += 1;
                }
            }
        }
    }
}
