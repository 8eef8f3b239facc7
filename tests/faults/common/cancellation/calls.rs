//! Whole calls that are dropped, on a handle and on a pool of the caller's own.

use super::operations::{
    Trial, one_statement, reads, reads_in_a_transaction, refuses, third_time_lucky,
    three_statements, transaction, with_joined_call, with_nested_calls, with_savepoint,
    with_slow_hook,
};
use super::rounds::{Promise, all_or_nothing};
use super::world::World;

/// Drops the operation on a handle and on a pool of the caller's own.
macro_rules! everywhere {
    ($promise:expr, $operation:ident) => {{
        let mut world = World::narrow().await;
        let db = world.db();
        let call = |trial: Trial| $operation(&db, trial);
        world
            .at_every_poll(stringify!($operation), $promise, call)
            .await;
        let mut world = World::with_own_pool(2).await;
        let pool = world.pool();
        let call = |trial: Trial| $operation(&pool, trial);
        let what = concat!(stringify!($operation), " on a pool");
        world.at_every_poll(what, $promise, call).await;
    }};
}

#[tokio::test]
async fn an_operation_of_one_statement_dropped_anywhere_is_all_there_or_not_at_all() {
    let promise = Promise {
        states: &[&[], &[1, 2]],
        hooks: false,
        complete: |seen| seen.dropped[1] > 0,
    };
    everywhere!(promise, one_statement);
}

#[tokio::test]
async fn an_operation_of_three_statements_dropped_anywhere_has_done_the_first_of_them() {
    let promise = Promise {
        states: &[&[], &[1, 2], &[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6]],
        hooks: false,
        complete: |seen| seen.dropped[1..].iter().all(|state| *state > 0),
    };
    everywhere!(promise, three_statements);
}

#[tokio::test]
async fn a_transaction_dropped_anywhere_is_all_there_or_not_at_all() {
    let promise = all_or_nothing(&[&[], &[1, 2]]);
    everywhere!(promise, transaction);
}

#[tokio::test]
async fn a_transaction_with_a_joined_call_dropped_anywhere_is_all_there_or_not_at_all() {
    let promise = all_or_nothing(&[&[], &[1, 2, 3, 4, 5]]);
    let mut world = World::narrow().await;
    let db = world.db();
    let call = |trial| with_joined_call(&db, trial);
    world.at_every_poll("a joined call", promise, call).await;
}

#[tokio::test]
async fn a_transaction_with_nested_calls_dropped_anywhere_is_all_there_or_not_at_all() {
    let promise = all_or_nothing(&[&[], &[1, 2, 3, 4, 5]]);
    let mut world = World::narrow().await;
    let db = world.db();
    let call = |trial| with_nested_calls(&db, trial);
    world.at_every_poll("nested calls", promise, call).await;
}

#[tokio::test]
async fn a_transaction_with_savepoints_dropped_anywhere_is_all_there_or_not_at_all() {
    let promise = all_or_nothing(&[&[], &[1, 2, 3, 4, 5, 6, 7]]);
    let mut world = World::narrow().await;
    let db = world.db();
    let call = |trial| with_savepoint(&db, trial);
    world.at_every_poll("a savepoint", promise, call).await;
}

#[tokio::test]
async fn a_transaction_that_rolls_back_dropped_anywhere_leaves_nothing() {
    let promise = Promise {
        states: &[&[]],
        hooks: true,
        complete: |seen| seen.polls > 2,
    };
    everywhere!(promise, refuses);
}

#[tokio::test]
async fn a_transaction_dropped_before_between_and_after_its_attempts_is_all_there_or_not_at_all() {
    let promise = all_or_nothing(&[&[], &[1, 2, 3]]);
    let mut world = World::narrow().await;
    let db = world.db();
    let call = |trial| third_time_lucky(&db, trial);
    world.at_every_poll("several attempts", promise, call).await;
}

#[tokio::test]
async fn hooks_of_a_commit_run_to_their_end_once_wherever_their_call_is_dropped() {
    let promise = all_or_nothing(&[&[], &[1, 2]]);
    let mut world = World::narrow().await;
    let db = world.db();
    let mut trials = Vec::new();
    let call = |trial: Trial| {
        trials.push(trial.clone());
        with_slow_hook(&db, trial)
    };
    let seen = world.at_every_poll("a slow hook", promise, call).await;
    let mut dropped_inside = 0;
    for trial in &trials {
        let committed = trial.count("committed");
        dbop_tests::eventually("the last hook", async || {
            trial.count("last hook") == committed
        })
        .await;
        for line in ["slow hook began", "slow hook ended"] {
            assert_eq!(trial.count(line), committed, "{trial:?}");
        }
        dropped_inside += committed;
    }
    // The hook alone takes five polls, and a call is dropped twice at each.
    assert!(dropped_inside >= 10, "{seen:?}");
}

/// The promise of an operation that writes nothing.
const READ: Promise = Promise {
    states: &[&[]],
    hooks: false,
    complete: |seen| seen.polls > 2,
};

#[tokio::test]
async fn a_read_only_call_dropped_anywhere_leaves_its_session_as_it_was() {
    let mut world = World::of_readers().await;
    let db = world.db();
    let call = |trial| reads(&db, trial);
    world.at_every_poll("a read", READ, call).await;
    let call = |trial| reads_in_a_transaction(&db, trial);
    world
        .at_every_poll("a transaction that reads", READ, call)
        .await;
}

/// On the caller's pool the session is made read-only for the call, and must be given back as it
/// was.
#[tokio::test]
async fn a_read_only_call_on_a_pool_dropped_anywhere_leaves_its_session_as_it_was() {
    let mut world = World::with_own_pool(2).await;
    let pool = world.pool();
    let call = |trial| reads(&pool, trial);
    world.at_every_poll("a read on a pool", READ, call).await;
    let call = |trial| reads_in_a_transaction(&pool, trial);
    world
        .at_every_poll("a transaction that reads, on a pool", READ, call)
        .await;
}
