//! The deadline of a call, and that of an attempt.

use std::time::Duration;

use dbop::{ErrorKind, Outcome, guarded};
use tokio::time::Instant;

use super::{Answer, ServiceError, Stub};

const SECOND: Duration = Duration::from_secs(1);

#[guarded]
async fn asks(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[guarded(timeout = "2s", retry(attempts = 9, base = "1s", cap = "1s"))]
async fn asks_within_two_seconds(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[guarded(timeout = none)]
async fn asks_for_as_long_as_it_takes(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn a_call_has_thirty_seconds_unless_it_names_another_deadline_or_none() {
    let begun = Instant::now();
    let late = asks(&Stub::new([Answer::Hangs])).await.unwrap_err();
    assert_eq!(late.outcome(), Some(Outcome::Unknown));
    assert_eq!(begun.elapsed().as_secs(), 30);
    let day = Answer::Takes(Duration::from_secs(24 * 3600));
    asks_for_as_long_as_it_takes(&Stub::new([day]))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_all_attempts_and_the_waits_between_them() {
    let begun = Instant::now();
    let stub = Stub::new([Answer::Fails, Answer::Hangs]);
    let late = asks_within_two_seconds(&stub).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[guarded(
    attempt_timeout = "3s",
    timeout = "20s",
    retry(attempts = 3, base = "1ms", cap = "1ms")
)]
async fn asks_three_times(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_cut_off_and_tried_again() {
    let begun = Instant::now();
    let stub = Stub::new([Answer::Hangs, Answer::Takes(SECOND)]);
    assert_eq!(asks_three_times(&stub).await.unwrap(), 0);
    assert_eq!((begun.elapsed().as_secs(), stub.asked()), (4, 2));

    let stub = Stub::new([Answer::Hangs; 3]);
    let late = asks_three_times(&stub).await.unwrap_err().call();
    assert_eq!((late.kind(), late.attempts()), (ErrorKind::Timeout, 3));
    assert!(late.to_string().contains("`attempt_timeout`"), "{late}");
}
