//! The circuit breaker of a service.

use std::time::Duration;

use dbop::{CircuitBreaker, ErrorKind, Outcome, guarded};
use futures_util::FutureExt;
use tokio::time::advance;

use super::service::state_of;
use super::{Answer, ServiceError, Stub};

const SECOND: Duration = Duration::from_secs(1);

#[guarded(breaker = "outages")]
async fn asks(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[guarded(breaker = "outages")]
async fn asks_for_another_reason(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_after_outages_for_all_functions_that_name_it() {
    let stub = Stub::new([Answer::Fails; 5]);
    for _ in 0..5 {
        assert!(matches!(asks(&stub).await, Err(ServiceError::Unreachable)));
    }
    assert_eq!(state_of("outages"), "open");
    let refused = asks_for_another_reason(&stub).await.unwrap_err().call();
    assert_eq!(refused.kind(), ErrorKind::CircuitOpen);
    assert_eq!(refused.outcome(), Some(Outcome::RolledBack));
    let text = refused.to_string();
    assert!(
        text.contains("`outages`") && text.contains("tried again in"),
        "{text}"
    );
    assert_eq!(stub.asked(), 5);
    let open = dbop::breakers()
        .into_iter()
        .find(|info| info.name == "outages");
    let left = open.and_then(|info| info.open_for);
    assert!(left.is_some_and(|left| left <= 6 * SECOND), "{left:?}");
}

#[guarded(breaker = "answers")]
async fn asks_the_strict(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_application_is_an_answer_and_never_opens_a_circuit() {
    let stub = Stub::new([Answer::Declines; 50]);
    for _ in 0..50 {
        assert!(matches!(
            asks_the_strict(&stub).await,
            Err(ServiceError::Declined)
        ));
    }
    assert_eq!(state_of("answers"), "closed");
    // It is also what keeps outages from being one after the other.
    let mixed = [
        Answer::Fails,
        Answer::Fails,
        Answer::Fails,
        Answer::Declines,
    ]
    .repeat(3);
    let stub = Stub::new(mixed);
    for _ in 0..12 {
        let _ = asks_the_strict(&stub).await;
    }
    assert_eq!(state_of("answers"), "closed");
}

#[guarded(breaker = "recovers")]
async fn asks_the_recovered(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_lets_probes_through_and_closes_when_they_succeed() {
    let stub = Stub::new([Answer::Fails; 6]);
    for _ in 0..5 {
        let _ = asks_the_recovered(&stub).await;
    }
    advance(7 * SECOND).await;
    // The service is not back yet.
    let probe = asks_the_recovered(&stub).await;
    assert!(matches!(probe, Err(ServiceError::Unreachable)), "{probe:?}");
    assert_eq!(state_of("recovers"), "open");
    advance(13 * SECOND).await;
    for _ in 0..3 {
        assert_eq!(asks_the_recovered(&stub).await.unwrap(), 0);
    }
    assert_eq!(state_of("recovers"), "closed");
    assert_eq!(stub.asked(), 9);
}

#[guarded(breaker = "dropped")]
async fn asks_the_slow(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_gives_the_place_of_its_probe_back() {
    let single = CircuitBreaker::DEFAULT.refusals(1).probes(1);
    dbop::breaker("dropped").settings(single).set().unwrap();
    let stub = Stub::new([Answer::Fails, Answer::Hangs]);
    asks_the_slow(&stub).await.unwrap_err();
    advance(7 * SECOND).await;
    let mut probe = Box::pin(asks_the_slow(&stub));
    assert!(probe.as_mut().now_or_never().is_none());
    let refused = asks_the_slow(&stub).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::CircuitOpen);
    drop(probe);
    assert_eq!(asks_the_slow(&stub).await.unwrap(), 0);
    assert_eq!(state_of("dropped"), "closed");
}

#[guarded(breaker = "late", timeout = "2s")]
async fn asks_the_late(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_counts_as_an_outage() {
    let stub = Stub::new([Answer::Hangs; 5]);
    for _ in 0..5 {
        let late = asks_the_late(&stub).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Timeout);
    }
    assert_eq!(state_of("late"), "open");
}

#[guarded(breaker = "slow but sure")]
async fn asks_the_thorough(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn answers_that_take_seconds_keep_the_circuit_closed() {
    let stub = Stub::new([Answer::Takes(20 * SECOND); 30]);
    for _ in 0..30 {
        asks_the_thorough(&stub).await.unwrap();
    }
    assert_eq!(state_of("slow but sure"), "closed");
}

#[guarded(breaker = "queue", timeout = "10s", max_concurrency = 6)]
async fn waits_its_turn(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_waited_in_our_own_queue_blames_no_service_for_its_deadline() {
    let stub = Stub::new([Answer::Takes(9 * SECOND); 12]);
    let calls = (0..12).map(|_| waits_its_turn(&stub));
    let results = futures_util::future::join_all(calls).await;
    let answered = results.iter().filter(|result| result.is_ok()).count();
    // Six have begun after nine seconds, and were cut off after one.
    assert_eq!((answered, stub.asked()), (6, 12), "{results:?}");
    assert_eq!(state_of("queue"), "closed");
}

#[guarded(breaker = "set twice")]
async fn uses_its_settings(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test]
async fn the_settings_of_a_breaker_are_set_once_and_before_the_first_call() {
    dbop::breaker("set once").set().unwrap();
    let again = dbop::breaker("set once").set().unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Configuration);
    uses_its_settings(&Stub::default()).await.unwrap();
    let late = dbop::breaker("set twice").set().unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Configuration);
    let text = late.to_string();
    assert!(
        text.contains("`set twice`") && text.contains("`main`"),
        "{text}"
    );
}
