//! What is counted, logged and told of calls of other services.

use dbop::{Category, ErrorKind, OperationMetrics, guarded};
use dbop_tests::recorder::Reader;
use dbop_tests::trace::Trace;
use metrics::set_default_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use super::{Answer, ServiceError, Stub};

fn counts(name: &str) -> OperationMetrics {
    let all = dbop::metrics();
    let ours = all.into_iter().find(|op| op.name == name);
    ours.unwrap_or_else(|| panic!("{name} was not counted"))
}

#[guarded(name = "model.count", retry(attempts = 2, base = "1ms"))]
async fn is_counted(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn calls_attempts_and_failures_are_counted_like_those_of_operations() {
    let stub = Stub::new([Answer::Fails, Answer::Says(1), Answer::Declines]);
    is_counted(&stub).await.unwrap();
    is_counted(&stub).await.unwrap_err();
    let counts = counts("model.count");
    assert_eq!((counts.calls, counts.attempts, counts.retries), (2, 3, 1));
    assert_eq!((counts.committed, counts.unknown), (1, 1));
    assert_eq!(counts.retries_by_kind, [(ErrorKind::Other, 1)]);
    assert_eq!(counts.failures, [(Category::Application, 1)]);
}

#[guarded(breaker = "told", retry(attempts = 2, base = "1ms"))]
async fn is_told(stub: &Stub) -> Result<u32, ServiceError> {
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn the_recorder_is_told_under_names_that_are_not_those_of_databases() {
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let stub = Stub::new([Answer::Fails, Answer::Says(1), Answer::Declines]);
    is_told(&stub).await.unwrap();
    is_told(&stub).await.unwrap_err();
    let told = reader.read();
    let ours = [("dbop.guarded.name", "is_told"), ("dbop.breaker", "told")];
    let durations = told.all("dbop.guarded.duration", &ours);
    assert_eq!(durations.len(), 2, "{told:#?}");
    let failed = [&ours[..], &[("error.type", "application")]].concat();
    assert_eq!(told.values("dbop.guarded.duration", &failed).len(), 1);
    let retries = told.all("dbop.guarded.retries", &ours);
    assert_eq!(retries.len(), 1, "{told:#?}");
    let of_databases = |name: &str| name.starts_with("db.") || name == "dbop.operation.outcomes";
    assert!(
        !told.0.iter().any(|series| of_databases(&series.name)),
        "{told:#?}"
    );
}

#[guarded(breaker = "traced", retry(attempts = 2, base = "1ms"))]
async fn is_traced(stub: &Stub) -> Result<u32, ServiceError> {
    tracing::info!("asking");
    stub.ask().await
}

#[tokio::test(start_paused = true)]
async fn the_span_of_a_call_is_not_one_of_a_database() {
    let trace = Trace::start();
    let stub = Stub::new([Answer::Fails, Answer::Declines]);
    is_traced(&stub).await.unwrap_err();
    let spans = trace.spans("is_traced");
    let [span] = &spans[..] else {
        panic!("{spans:#?}");
    };
    for (field, value) in [
        ("otel.kind", "internal"),
        ("dbop.breaker", "traced"),
        ("error.type", "application"),
        ("dbop.attempts", "2"),
        ("dbop.outcome", "unknown"),
    ] {
        assert_eq!(span.get(field).map(String::as_str), Some(value), "{field}");
    }
    assert!(!span.keys().any(|key| key.starts_with("db.")), "{span:#?}");
    let events = trace.events("is_traced");
    let [retried] = &events[..] else {
        panic!("{events:#?}");
    };
    assert_eq!(retried["message"], "attempt failed and is retried");
    assert_eq!(retried["parent"], "is_traced");
    assert!(!retried.contains_key("db.operation.name"), "{retried:#?}");
}
