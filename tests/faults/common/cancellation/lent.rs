//! Sessions that a body lends to sqlx, whose transaction is dropped half-way. The body then goes on
//! as if nothing had happened.

use std::time::Duration;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Acquire, Transaction};

use super::Database;
use super::operations::{Trial, Trouble};
use super::rounds::{Sweeps, cut, seeded};
use super::world::World;

/// The part that the body begins and drops.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// `with_sqlx`, whose closure returns `Ok`.
    Closure,
    /// `with_sqlx`, whose closure returns an error.
    RefusingClosure,
    /// A helper's `begin`. What the helper does then is not dropped.
    Begin,
    /// A helper's transaction, from its `begin` to its `commit`.
    Committed,
    /// A helper's transaction, from its `begin` to its `rollback`.
    RolledBack,
}

/// After how many polls a part is dropped, and how long after its last poll. An answer that comes
/// in that time is not read.
type Cut = (u32, Duration);

/// Returns the drops that are tried at one poll.
fn cuts(polls: u32, random: &mut fastrand::Rng) -> [Cut; 2] {
    [0, random.u64(1..1500)].map(|linger| (polls, Duration::from_micros(linger)))
}

/// Lets sqlx roll back to a savepoint, which sqlx leaves in the transaction.
async fn roll_back_one(
    lender: impl Acquire<'_, Database = Database>,
    trial: &Trial,
) -> Result<(), Trouble> {
    let mut own = lender.begin().await?;
    trial.write(&mut *own, 9).await?;
    Ok(own.rollback().await?)
}

/// Writes the parts 2 and 3 in a transaction of sqlx's.
async fn helper(
    lender: impl Acquire<'_, Database = Database>,
    trial: &Trial,
    commits: bool,
) -> Result<(), Trouble> {
    let mut own = lender.begin().await?;
    trial.write(&mut *own, 2).await?;
    trial.write(&mut *own, 3).await?;
    match commits {
        true => own.commit().await?,
        false => own.rollback().await?,
    }
    Ok(())
}

async fn in_closure(tx: &mut Tx<'_, Database>, trial: &Trial, well: bool) -> Result<(), Trouble> {
    tx.with_sqlx(
        async |own: &mut Transaction<'_, Database>| -> Result<(), Trouble> {
            trial.write(&mut **own, 2).await?;
            trial.write(&mut **own, 3).await?;
            if well { Ok(()) } else { Err(Trouble::Refused) }
        },
    )
    .await
}

/// Polls the part at most so often. Returns whether it has ended.
async fn part_of(
    tx: &mut Tx<'_, Database>,
    part: Part,
    trial: &Trial,
    (polls, linger): Cut,
) -> Result<bool, Trouble> {
    let ended = match part {
        Part::Closure => cut(polls, linger, in_closure(tx, trial, true)).await,
        Part::RefusingClosure => {
            let ended = cut(polls, linger, in_closure(tx, trial, false)).await;
            ended.map(|refused| match refused {
                Err(Trouble::Refused) => Ok(()),
                other => panic!("not refused: {other:?}"),
            })
        }
        Part::Begin => match cut(polls, linger, Acquire::begin(tx)).await {
            Some(begun) => {
                let mut own = begun?;
                trial.write_two(&mut *own, 2).await?;
                Some(own.commit().await.map_err(Trouble::from))
            }
            None => None,
        },
        Part::Committed => cut(polls, linger, helper(tx, trial, true)).await,
        Part::RolledBack => cut(polls, linger, helper(tx, trial, false)).await,
    };
    ended.transpose().map(|ended| ended.is_some())
}

/// Returns `Ok` whatever becomes of its part, and counts with `run` a part that has ended.
#[transactional]
async fn drops_a_part(
    tx: &mut Tx<'_, Database>,
    part: Part,
    after: Cut,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.on_both_ends(&mut *tx);
    // If a part that is dropped went back to that savepoint, the next write would be undone.
    roll_back_one(&mut *tx, &trial).await?;
    trial.write(&mut *tx, 1).await?;
    if part_of(&mut *tx, part, &trial, after).await? {
        trial.run();
    }
    #[dbop::allow(
        swallowed_error,
        reason = "refused, perhaps, and the body says `Ok` all the same"
    )]
    drop(trial.write(&mut *tx, 4).await);
    Ok(())
}

/// What may be stored after a call that has said `Ok`: `whole` if its part has ended, and otherwise
/// one of `cut_off`.
async fn dropped(part: Part, whole: &[i64], cut_off: &[&[i64]]) {
    let mut world = World::narrow().await;
    let db = world.db();
    let mut random = seeded();
    let (mut dropped, mut sweeps) = (0, Sweeps::default());
    while sweeps.another(dropped > 0) {
        for after in (1..).flat_map(|polls| cuts(polls, &mut random)) {
            let trial = world.trial();
            let context = format!("{part:?} dropped after {after:?}");
            let output = drops_a_part(&db, part, after, trial.clone()).await;
            world.is_as_before(&context).await;
            let parts = world.parts(&trial).await;
            let ended = trial.runs() > 0;
            match &output {
                Ok(()) if ended => assert_eq!(parts, whole, "{context}"),
                Ok(()) => assert!(cut_off.contains(&&*parts), "{context}: {parts:?}"),
                Err(error) => assert!(parts.is_empty(), "{context}: {error}: {parts:?}"),
            }
            // These say what the call took for its outcome.
            world.hooks_fit(&trial, output.is_ok(), &context).await;
            if ended {
                output.unwrap_or_else(|error| panic!("{part:?} was not dropped: {error}"));
                break;
            }
            dropped += 1;
        }
    }
    assert!(dropped > 0, "{part:?} is never pending");
}

#[tokio::test]
async fn a_body_that_drops_a_closure_with_sqlx_commits_all_or_nothing() {
    dropped(Part::Closure, &[1, 2, 3, 4], &[]).await;
    dropped(Part::RefusingClosure, &[1, 4], &[]).await;
}

#[tokio::test]
async fn a_body_that_drops_the_begin_of_a_transaction_of_sqlx_commits_all_or_nothing() {
    dropped(Part::Begin, &[1, 2, 3, 4], &[]).await;
}

#[tokio::test]
async fn a_body_that_drops_a_transaction_of_sqlx_keeps_what_it_has_written_itself() {
    let kept: [&[i64]; 2] = [&[1, 4], &[1, 2, 3, 4]];
    dropped(Part::Committed, kept[1], &kept).await;
    dropped(Part::RolledBack, kept[0], &kept[..1]).await;
}

/// Returns `Ok` whatever becomes of its `begin`, and counts with `run` one that has ended.
#[db_op(retry = never)]
async fn drops_a_begin(
    conn: &mut Conn<'_, Database>,
    after: Cut,
    trial: Trial,
) -> Result<(), Trouble> {
    trial.write_two(&mut *conn, 1).await?;
    begin_and_commit(&mut *conn, after, &trial).await?;
    #[dbop::allow(
        swallowed_error,
        reason = "refused, perhaps, and the body says `Ok` all the same"
    )]
    drop(trial.write_two(&mut *conn, 5).await);
    Ok(())
}

async fn begin_and_commit(
    conn: &mut Conn<'_, Database>,
    (polls, linger): Cut,
    trial: &Trial,
) -> Result<(), Trouble> {
    if let Some(begun) = cut(polls, linger, Acquire::begin(conn)).await {
        let mut own = begun?;
        trial.write_two(&mut *own, 3).await?;
        own.commit().await?;
        trial.run();
    }
    Ok(())
}

#[tokio::test]
async fn an_operation_that_drops_the_begin_of_a_transaction_says_ok_only_for_what_is_stored() {
    let mut world = World::narrow().await;
    let db = world.db();
    let mut random = seeded();
    let (mut dropped, mut sweeps) = (0, Sweeps::default());
    while sweeps.another(dropped > 0) {
        for after in (1..).flat_map(|polls| cuts(polls, &mut random)) {
            let trial = world.trial();
            let context = format!("a `begin` dropped after {after:?}");
            let output = drops_a_begin(&db, after, trial.clone()).await;
            world.is_as_before(&context).await;
            let parts = world.parts(&trial).await;
            if trial.runs() > 0 {
                output.unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_eq!(parts, [1, 2, 3, 4, 5, 6], "{context}");
                break;
            }
            output.expect_err(&context);
            assert_eq!(parts, [1, 2], "{context}");
            dropped += 1;
        }
    }
    assert!(dropped > 0, "`begin` is never pending");
}
