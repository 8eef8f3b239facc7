//! What is tried again, and what is not.

use std::time::Duration;

use dbop::{CircuitBreaker, ErrorKind, guarded};
use tokio::time::Instant;

use super::service::state_of;
use super::{Answer, ServiceError, Stub};

const SECOND: Duration = Duration::from_secs(1);

#[guarded(breaker = "once only")]
async fn asks_once(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_again_without_the_option() {
    let stub = Stub::new([Answer::Fails]);
    let failed = asks_once(&stub).await;
    assert!(matches!(failed, Err(ServiceError::Unreachable)));
    assert_eq!(stub.asked(), 1);
}

#[guarded(breaker = "patient", retry(attempts = 3, base = "200ms", cap = "5s"))]
async fn asks_again(stub: &Stub, words: Vec<String>) -> Result<u32, ServiceError> {
    assert_eq!(words.len(), 2, "each attempt has the arguments");
    drop(words);
    stub.ask().await
}

fn words() -> Vec<String> {
    vec!["why".to_owned(), "blue".to_owned()]
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tried_again_as_often_as_the_option_says() {
    let stub = Stub::new([Answer::Fails, Answer::Fails, Answer::Says(7)]);
    assert_eq!(asks_again(&stub, words()).await.unwrap(), 7);
    let stub = Stub::new([Answer::Fails; 9]);
    let failed = asks_again(&stub, words()).await;
    assert!(matches!(failed, Err(ServiceError::Unreachable)));
    assert_eq!(stub.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_application_is_never_tried_again() {
    let stub = Stub::new([Answer::Declines]);
    let declined = asks_again(&stub, words()).await;
    assert!(matches!(declined, Err(ServiceError::Declined)));
    assert_eq!(stub.asked(), 1);
}

#[guarded(breaker = "no budget", retry(attempts = 5, base = "1ms"))]
async fn asks_without_a_budget(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn retries_stop_when_the_budget_of_the_breaker_is_used_up() {
    let patient = CircuitBreaker::DEFAULT.refusals(1_000).min_outcomes(1_000);
    let breaker = dbop::breaker("no budget").settings(patient);
    breaker.retry_budget(0.5, 0.0).set().unwrap();
    let stub = Stub::new([Answer::Fails; 1_000]);
    for _ in 0..20 {
        let _ = asks_without_a_budget(&stub).await;
    }
    // The bucket holds one token at most, and each call puts half of one in.
    assert_eq!(stub.asked(), 20 + 10);
}

#[guarded(breaker = "opens in the middle", retry(attempts = 9, base = "1ms"))]
async fn asks_until_refused(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_ends_the_retries_and_the_caller_learns_why_the_attempt_failed() {
    let stub = Stub::new([Answer::Fails; 9]);
    let failed = asks_until_refused(&stub).await;
    assert!(matches!(failed, Err(ServiceError::Unreachable)));
    assert_eq!(stub.asked(), 5);
    assert_eq!(state_of("opens in the middle"), "open");
}

#[guarded(
    breaker = "says when",
    retry(attempts = 3, base = "10ms", cap = "50ms"),
    timeout = "30s"
)]
async fn asks_when_told(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_service_that_says_when_to_come_back_is_left_alone_until_then() {
    let stub = Stub::new([Answer::Busy(7 * SECOND), Answer::Says(3)]);
    let begun = Instant::now();
    assert_eq!(asks_when_told(&stub).await.unwrap(), 3);
    let took = begun.elapsed();
    assert!((7 * SECOND..8 * SECOND).contains(&took), "{took:?}");
    // A time behind the deadline is not waited for.
    let stub = Stub::new([Answer::Busy(40 * SECOND), Answer::Says(3)]);
    let begun = Instant::now();
    let busy = asks_when_told(&stub).await;
    assert!(matches!(busy, Err(ServiceError::Busy { .. })), "{busy:?}");
    assert_eq!((begun.elapsed(), stub.asked()), (Duration::ZERO, 1));
}

/// A body that says itself, by its error, that a call inside is not to be repeated.
#[guarded(breaker = "around", retry(attempts = 3, base = "1ms"))]
async fn asks_around(stub: &Stub) -> Result<u32, ServiceError> {
    let late = asks_in_a_hurry(stub).await;
    let lost = late.unwrap_err().call();
    assert!(!lost.is_repeatable());
    Err(lost.into())
}

#[guarded(timeout = "1s")]
async fn asks_in_a_hurry(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_call_inside_whose_effect_is_not_known_is_not_tried_again_from_outside() {
    let stub = Stub::new([Answer::Hangs]);
    let failed = asks_around(&stub).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert_eq!(stub.asked(), 1);
    assert_eq!(state_of("around"), "closed");
}
