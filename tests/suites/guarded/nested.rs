//! Guarded functions and operations inside of each other.

use dbop::{CircuitBreaker, Error, ErrorKind, guarded};

use super::service::state_of;
use super::{Answer, ServiceError, Stub};

#[guarded(breaker = "shared")]
async fn inner(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[guarded(breaker = "outer", retry(attempts = 5, base = "1ms"))]
async fn outer(stub: &Stub) -> Result<u32, ServiceError> {
    inner(stub).await
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_inside_counts_for_its_own_breaker_alone_and_is_not_tried_again() {
    let strict = CircuitBreaker::DEFAULT.refusals(1);
    dbop::breaker("outer").settings(strict).set().unwrap();
    dbop::breaker("shared").settings(strict).set().unwrap();
    let stub = Stub::new([Answer::Fails]);
    inner(&stub).await.unwrap_err();
    assert_eq!(state_of("shared"), "open");
    for _ in 0..3 {
        let refused = outer(&stub).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::CircuitOpen);
    }
    assert_eq!(state_of("outer"), "closed");
    assert_eq!(stub.asked(), 1);
}

/// A call of a database inside: the connection was refused.
#[guarded(breaker = "not the database", retry(attempts = 3, base = "1ms"))]
async fn meets_a_database_that_is_down(runs: &Stub) -> Result<u32, ServiceError> {
    runs.ask().await?;
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    Err(Error::from(sqlx::Error::Io(refused)).into())
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_database_says_nothing_about_the_service() {
    let strict = CircuitBreaker::DEFAULT.refusals(1);
    let breaker = dbop::breaker("not the database").settings(strict);
    breaker.set().unwrap();
    let runs = Stub::default();
    for _ in 0..3 {
        let failed = meets_a_database_that_is_down(&runs).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Connection);
    }
    assert_eq!(state_of("not the database"), "closed");
    // Nobody knows whether the statement has reached the database, so none was sent again.
    assert_eq!(runs.asked(), 3);
}
