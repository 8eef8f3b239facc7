//! How many calls may run at once.

use std::time::Duration;

use dbop::{ErrorKind, Outcome, guarded};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Answer, ServiceError, Stub};

const SECOND: Duration = Duration::from_secs(1);

#[guarded(max_concurrency = 2)]
async fn waits(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_wait_for_their_turn() {
    let stub = Stub::new([Answer::Takes(SECOND); 6]);
    let begun = Instant::now();
    let results = join_all((0..6).map(|_| waits(&stub))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[guarded(max_concurrency(limit = 2, when_full = reject))]
async fn is_refused(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_are_refused_where_the_option_says_so() {
    let stub = Stub::new([Answer::Takes(SECOND); 6]);
    let results = join_all((0..6).map(|_| is_refused(&stub))).await;
    let refused = results.into_iter().filter_map(Result::err);
    let refused: Vec<_> = refused.map(ServiceError::call).collect();
    assert_eq!((refused.len(), stub.asked()), (4, 2));
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Overloaded);
        assert_eq!(error.outcome(), Some(Outcome::RolledBack));
    }
}
