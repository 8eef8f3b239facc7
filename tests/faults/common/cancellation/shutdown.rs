//! A runtime that ends while a call is under way, and with it the tasks that the call has left
//! behind.

use std::time::Duration;

use dbop::Db;
use tokio::runtime::{Builder, Runtime};

use super::Database;
use super::operations::{Trial, transaction};
use super::rounds::cut;
use super::world::World;

/// When the call is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dropped {
    Before,
    /// The call is dropped when its runtime is gone.
    After,
}

/// Returns a runtime that outlives the calls.
pub(crate) fn lasting() -> Runtime {
    let mut lasting = Builder::new_multi_thread();
    let lasting = lasting.worker_threads(1).enable_all().build();
    lasting.expect("a runtime")
}

/// Polls a transaction in a runtime of its own, and ends that runtime. Returns whether the
/// transaction came to its end.
fn in_a_runtime_that_ends(url: &str, trial: &Trial, polls: u32, dropped: Dropped) -> bool {
    let ending = Builder::new_current_thread().enable_all().build();
    let ending = ending.expect("a runtime");
    let db = ending.block_on(
        Db::<Database>::builder()
            .url(url)
            .max_connections(1)
            .connect(),
    );
    let db = db.expect("the database");
    let mut call = Box::pin(transaction(&db, trial.clone()));
    let output = ending.block_on(cut(polls, Duration::ZERO, call.as_mut()));
    if dropped == Dropped::Before {
        ending.block_on(async { drop(call) });
        drop(ending);
    } else {
        drop(ending);
        drop(call);
    }
    output.is_some()
}

#[test]
fn a_runtime_that_ends_with_a_transaction_on_its_way_leaves_all_of_it_or_nothing() {
    let lasting = lasting();
    let mut world = lasting.block_on(World::narrow());
    let mut calls = 0;
    for dropped in [Dropped::Before, Dropped::After] {
        for _ in 0..3 {
            for polls in 1.. {
                let trial = world.trial();
                let context = format!("dropped {dropped:?} the end, after {polls} polls");
                let ended = in_a_runtime_that_ends(&world.url, &trial, polls, dropped);
                lasting.block_on(world.is_as_before(&context));
                let parts = lasting.block_on(world.parts(&trial));
                let new = parts == [1, 2];
                assert!(new || parts.is_empty(), "{context}: {parts:?}");
                // The hooks may have ended with the runtime, but no hook runs for an outcome that
                // did not happen.
                assert!(trial.count("committed") <= usize::from(new), "{context}");
                assert!(trial.count("rolled back") <= usize::from(!new), "{context}");
                if ended {
                    assert!(new, "{context}");
                    break;
                }
                calls += 1;
            }
        }
    }
    assert!(calls >= 6, "only {calls} calls were dropped");
}
