//! Calls that are dropped before they have a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use dbop_tests::eventually;
use tokio::time::timeout;

use super::operations::{Trial, Trouble, one_statement, transaction};
use super::rounds::{Promise, all_or_nothing, polls_of};
use super::world::World;

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<(), Trouble>> + 'a>>;

/// Begins a call that has to wait. Returns it together with a waker that notes when it was woken.
fn queue<'a>(call: impl Future<Output = Result<(), Trouble>> + 'a) -> (Call<'a>, Arc<Woken>) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut call: Call<'a> = Box::pin(call);
    let first = call.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(matches!(first, Poll::Pending), "the connection is held");
    (call, woken)
}

/// The connection is offered to a call that goes away before it takes it. The next call gets the
/// connection.
#[tokio::test]
async fn a_turn_given_to_a_call_that_goes_away_passes_to_the_next() {
    for mut world in [World::narrow().await, World::with_own_pool(1).await] {
        let pool = world.pool();
        let scope = &pool.clone();
        for gone in 1..=4 {
            let held = pool.acquire().await.expect("a connection");
            let trials: Vec<_> = (0..gone).map(|_| world.trial()).collect();
            let last = world.trial();
            let mut queued = Vec::new();
            for trial in &trials {
                queued.push(queue(transaction(scope, trial.clone())));
                queued.push(queue(one_statement(scope, trial.clone())));
            }
            let patient = queue(transaction(scope, last.clone())).0;
            drop(held);
            for (call, woken) in queued {
                let what = "the turn of a call that is about to go away";
                eventually(what, async || woken.0.load(SeqCst)).await;
                drop(call);
            }
            let ended = timeout(Duration::from_secs(5), patient).await;
            ended.expect("the next call gets its turn").unwrap();
            let context = format!("{gone} went away");
            world.is_as_before(&context).await;
            assert_eq!(world.parts(&last).await, [1, 2], "{context}");
            for trial in &trials {
                assert!(world.parts(trial).await.is_empty(), "{context}");
            }
        }
    }
}

#[tokio::test]
async fn calls_that_stop_waiting_at_any_moment_take_no_connection_with_them() {
    let mut random = super::rounds::seeded();
    let mut world = World::narrow().await;
    let (db, pool) = (world.db(), world.pool());
    for round in 0..30 {
        let mut held = Some(pool.acquire().await.expect("a connection"));
        let trials: Vec<_> = (0..3).map(|_| world.trial()).collect();
        let waits: Vec<_> = trials
            .iter()
            .map(|trial| {
                let wait = Duration::from_micros(random.u64(1..4000));
                timeout(wait, transaction(&db, trial.clone()))
            })
            .collect();
        let release = Duration::from_micros(random.u64(1..3000));
        let (ended, ()) = tokio::join!(futures_util::future::join_all(waits), async {
            tokio::time::sleep(release).await;
            held.take();
        });
        for (trial, ended) in trials.iter().zip(ended) {
            let output = ended.ok();
            let context = format!("round {round}, {trial:?}");
            let promise = all_or_nothing(&[&[], &[1, 2]]);
            world.check(trial, promise, output.as_ref(), &context).await;
        }
    }
}

/// The pool has no connection when the call begins. While a password is hashed there are many
/// polls, and those in the middle are all alike.
#[tokio::test]
async fn a_call_dropped_while_its_connection_is_opened_leaves_the_pool_full() {
    let mut world = World::narrow().await;
    let (pool, db) = (&world.pool(), &world.db());
    let call = |trial: Trial| async move {
        let conn = pool.acquire().await.map_err(dbop::Error::from)?;
        conn.close().await.map_err(dbop::Error::from)?;
        transaction(db, trial).await
    };
    let polls = polls_of(call(world.trial())).await;
    let promise = Promise {
        complete: |seen| seen.dropped[0] > 0,
        ..all_or_nothing(&[&[], &[1, 2]])
    };
    let alike = 10..polls.saturating_sub(14);
    world
        .at_every_poll_but(alike, "a first call", promise, call)
        .await;
}
