//! Parts that a body drops half-way before it goes on as if nothing had happened.

use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};

use super::Database;
use super::operations::{LONG, Trial, Trouble};
use super::rounds::{Promise, Sweeps, all_or_nothing, cut};
use super::world::World;

/// The part that the body begins and drops.
#[derive(Clone, Copy, Debug)]
enum Part {
    Read,
    Write,
    Joined,
    Nested,
    Savepoint,
    /// A nested call that would be undone anyway.
    Refusing,
}

#[transactional]
async fn joined(tx: &mut Tx<'_, Database>, trial: &Trial) -> Result<(), Trouble> {
    trial.write(&mut *tx, 2).await?;
    // If the part is dropped here, no statement is cut off.
    tokio::task::yield_now().await;
    Ok(trial.write(&mut *tx, 3).await?)
}

#[transactional(nested)]
async fn nested(tx: &mut Tx<'_, Database>, trial: &Trial, well: bool) -> Result<(), Trouble> {
    trial.write(&mut *tx, 2).await?;
    trial.write(&mut *tx, 3).await?;
    if well { Ok(()) } else { Err(Trouble::Refused) }
}

async fn part_of(tx: &mut Tx<'_, Database>, part: Part, trial: &Trial) -> Result<(), Trouble> {
    match part {
        Part::Read => {
            let read = sqlx::query(LONG).fetch_all(&mut *tx);
            Ok(read.await.map(drop)?)
        }
        Part::Write => Ok(trial.write_two(&mut *tx, 2).await?),
        Part::Joined => joined(&mut *tx, trial).await,
        Part::Nested => nested(&mut *tx, trial, true).await,
        Part::Refusing => nested(&mut *tx, trial, false).await,
        Part::Savepoint => {
            tx.savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
                joined(&mut *sp, trial).await
            })
            .await
        }
    }
}

/// Returns `Ok` whatever becomes of its part, and counts with `run` a part that has ended.
#[transactional]
async fn drops_a_part(
    tx: &mut Tx<'_, Database>,
    part: Part,
    polls: u32,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    trial.write(&mut *tx, 1).await?;
    if cut(polls, Duration::ZERO, part_of(&mut *tx, part, &trial))
        .await
        .is_some()
    {
        trial.run();
    }
    #[dbop::allow(
        swallowed_error,
        reason = "refused, perhaps, and the body says `Ok` all the same"
    )]
    drop(trial.write(&mut *tx, 4).await);
    Ok(())
}

async fn dropped_inside(part: Part, promise: Promise) {
    let mut world = World::narrow().await;
    let db = world.db();
    let (mut dropped, mut sweeps) = (0, Sweeps::default());
    while sweeps.another(dropped > 0) {
        for polls in 1.. {
            let trial = world.trial();
            let context = format!("{part:?} dropped after {polls} polls");
            let output = drops_a_part(&db, part, polls, trial.clone()).await;
            world.check(&trial, promise, Some(&output), &context).await;
            if trial.runs() > 0 {
                output.unwrap_or_else(|error| panic!("{part:?} was not dropped: {error}"));
                break;
            }
            dropped += 1;
        }
    }
    assert!(dropped > 0, "{part:?} is never pending");
}

#[tokio::test]
async fn a_body_that_drops_a_statement_that_writes_commits_all_or_nothing() {
    dropped_inside(Part::Write, all_or_nothing(&[&[], &[1, 2, 3, 4]])).await;
}

#[tokio::test]
async fn a_body_that_drops_a_read_commits_all_or_nothing() {
    dropped_inside(Part::Read, all_or_nothing(&[&[], &[1, 4]])).await;
}

#[tokio::test]
async fn a_body_that_drops_a_joined_call_commits_all_or_nothing() {
    dropped_inside(Part::Joined, all_or_nothing(&[&[], &[1, 2, 3, 4]])).await;
}

#[tokio::test]
async fn a_body_that_drops_a_nested_call_commits_all_or_nothing() {
    dropped_inside(Part::Nested, all_or_nothing(&[&[], &[1, 2, 3, 4]])).await;
    dropped_inside(Part::Refusing, all_or_nothing(&[&[], &[1, 4]])).await;
}

#[tokio::test]
async fn a_body_that_drops_a_savepoint_commits_all_or_nothing() {
    dropped_inside(Part::Savepoint, all_or_nothing(&[&[], &[1, 2, 3, 4]])).await;
}

#[db_op(retry = never)]
async fn drops_a_statement(
    conn: &mut Conn<'_, Database>,
    polls: u32,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.write_two(&mut *conn, 1).await?;
    if cut(polls, Duration::ZERO, trial.write_two(&mut *conn, 3))
        .await
        .is_some()
    {
        trial.run();
    }
    #[dbop::allow(
        swallowed_error,
        reason = "refused, perhaps, and the body says `Ok` all the same"
    )]
    drop(trial.write_two(&mut *conn, 5).await);
    Ok(())
}

/// `Ok` would mean that all of the call's work is stored.
#[tokio::test]
async fn an_operation_that_drops_a_statement_does_not_say_ok_and_leaves_a_clean_session() {
    let promise = Promise {
        states: &[&[1, 2], &[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6]],
        hooks: false,
        complete: |_| true,
    };
    let mut world = World::narrow().await;
    let db = world.db();
    let (mut dropped, mut sweeps) = (0, Sweeps::default());
    while sweeps.another(dropped > 0) {
        for polls in 1.. {
            let trial = world.trial();
            let context = format!("a statement dropped after {polls} polls");
            let output = drops_a_statement(&db, polls, trial.clone()).await;
            let state = world.check(&trial, promise, None, &context).await;
            assert_eq!(output.is_ok(), state == 2, "{context}: {output:?}");
            if trial.runs() > 0 {
                assert_eq!(state, 2, "{context}");
                break;
            }
            dropped += 1;
        }
    }
    assert!(dropped > 0, "the part is never pending");
}
