//! What is traced and counted of a call.

use std::time::Duration;

use dbop::{Conn, DbError, OperationMetrics, Tx, db_op, transactional};
use dbop_tests::trace::{Fields, Trace};

use super::super::{LOCK_CODE, SYSTEM, TAKEN_CODE, location};
use super::Database;
use super::bank;
use super::blocker::{Blocker, open_impatient};
use super::replay::{Failure, Runs, add};

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(String::as_str)
}

#[track_caller]
fn holds(fields: &Fields, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(field(fields, name), Some(*value), "{name} in {fields:#?}");
    }
}

/// Fails in its first `fails` runs.
#[transactional(name = "traced.tx")]
async fn traced(tx: &mut Tx<'_, Database>, runs: &Runs, fails: u32) -> Result<(), Failure> {
    sqlx::query("SELECT 1").execute(&mut *tx).await?;
    match runs.next() {
        run if run <= fails => Err(Failure::Stumbled(run)),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn a_call_is_one_span_with_the_conventional_names() {
    let db = bank::open().await;
    let trace = Trace::start();
    traced(&*db, &Runs::default(), 0).await.unwrap();
    let spans = trace.spans("traced.tx");
    assert_eq!(spans.len(), 1, "{spans:#?}");
    holds(
        &spans[0],
        &[
            ("otel.name", "traced.tx"),
            ("otel.kind", "client"),
            ("db.system.name", SYSTEM),
            ("db.operation.name", "traced.tx"),
            ("db.query.summary", "traced.tx"),
            ("code.file.path", file!()),
            ("dbop.attempts", "1"),
            ("dbop.outcome", "committed"),
        ],
    );
    for name in ["error.type", "db.response.status_code", "dbop.kind"] {
        assert_eq!(field(&spans[0], name), None);
    }
    assert_eq!(trace.events("traced.tx"), Vec::<Fields>::new());
}

#[tokio::test]
async fn a_span_says_where_the_database_is() {
    let db = bank::open().await;
    let trace = Trace::start();
    traced(&*db, &Runs::default(), 0).await.unwrap();
    traced(db.pool(), &Runs::default(), 0).await.unwrap();
    let spans = trace.opened("traced.tx");
    assert_eq!(spans.len(), 2);
    for span in &spans {
        assert_eq!(field(span, "db.query.summary"), Some("traced.tx"));
        for (name, value) in location(&db.url) {
            assert_eq!(field(span, name), value.as_deref(), "{name} in {span:#?}");
        }
    }
}

#[tokio::test]
async fn each_retry_is_one_event_with_its_wait_and_attempt() {
    let db = bank::open().await;
    let trace = Trace::start();
    traced(&*db, &Runs::default(), 2).await.unwrap();
    holds(
        &trace.spans("traced.tx")[0],
        &[("dbop.attempts", "3"), ("dbop.outcome", "committed")],
    );
    let events = trace.events("traced.tx");
    assert_eq!(events.len(), 2, "{events:#?}");
    for (event, attempt) in events.iter().zip(["1", "2"]) {
        let expected = [
            ("dbop.attempt", attempt),
            ("error.type", "other"),
            ("dbop.kind", "other"),
        ];
        holds(event, &expected);
        assert_eq!(field(event, "db.response.status_code"), None);
        let wait: u64 = field(event, "dbop.wait_ms").unwrap().parse().unwrap();
        assert!(wait <= 20, "the bound of the second wait: {wait}");
        assert!(
            field(event, "message").unwrap().contains("retried"),
            "{event:#?}"
        );
    }
}

#[tokio::test]
async fn a_failed_call_says_of_what_type_its_last_error_was() {
    let db = bank::open().await;
    let trace = Trace::start();
    traced(&*db, &Runs::default(), 9).await.unwrap_err();
    holds(
        &trace.spans("traced.tx")[0],
        &[
            ("dbop.attempts", "3"),
            ("dbop.outcome", "rolled_back"),
            ("error.type", "other"),
            ("dbop.kind", "other"),
        ],
    );
    assert_eq!(
        trace.events("traced.tx").len(),
        2,
        "none after the last attempt"
    );
}

/// Inserts an account whose number is taken.
#[transactional(name = "traced.taken")]
async fn taken(tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
    sqlx::query("INSERT INTO accounts VALUES (1, 0)")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[tokio::test]
async fn an_error_has_the_status_code_of_the_database() {
    let db = bank::open().await;
    let trace = Trace::start();
    taken(&*db).await.unwrap_err();
    holds(
        &trace.spans("traced.taken")[0],
        &[
            ("db.response.status_code", TAKEN_CODE),
            ("error.type", TAKEN_CODE),
            ("dbop.kind", "unique"),
        ],
    );
}

/// Is refused while another session has the lock, and stumbles in its first run without that.
#[transactional(name = "traced.varied")]
async fn varied(tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    add(&mut *tx, 1).await?;
    match runs.next() {
        1 => Err(Failure::Stumbled(1)),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn a_retry_has_the_status_code_of_the_error_before_it() {
    let (fresh, db) = open_impatient().await;
    let blocker = Blocker::locked(&fresh).await;
    let (trace, runs) = (Trace::start(), Runs::default());
    let unlocking = async {
        is_tried_again(&trace, "traced.varied").await;
        blocker.unlock().await;
    };
    let (done, ()) = tokio::join!(varied(&db, &runs), unlocking);
    done.unwrap();
    let events = trace.events("traced.varied");
    let [locked @ .., stumbled] = &events[..] else {
        panic!("no event")
    };
    assert!(!locked.is_empty());
    for event in locked {
        let expected = [
            ("db.response.status_code", LOCK_CODE),
            ("error.type", LOCK_CODE),
            ("dbop.kind", "lock"),
        ];
        holds(event, &expected);
    }
    holds(stumbled, &[("error.type", "other"), ("dbop.kind", "other")]);
    assert_eq!(field(stumbled, "db.response.status_code"), None);
    let span = &trace.spans("traced.varied")[0];
    assert_eq!(field(span, "error.type"), None, "the call has not failed");
}

#[db_op(name = "traced.late", timeout = "100ms")]
async fn late(conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    std::future::pending().await
}

#[tokio::test]
async fn a_call_cut_or_dropped_is_traced_too() {
    let db = bank::open().await;
    let trace = Trace::start();
    late(&*db).await.unwrap_err();
    let dropped = tokio::time::timeout(Duration::from_millis(20), late(&*db)).await;
    assert!(dropped.is_err());
    let spans = trace.spans("traced.late");
    assert_eq!(spans.len(), 2, "{spans:#?}");
    holds(
        &spans[0],
        &[
            ("error.type", "timeout"),
            ("dbop.kind", "timeout"),
            ("dbop.outcome", "unknown"),
            ("dbop.attempts", "1"),
        ],
    );
    holds(
        &spans[1],
        &[("dbop.outcome", "unknown"), ("dbop.attempts", "1")],
    );
}

/// Fails in every run, and waits for hours between two of them.
#[db_op(
    name = "traced.patient",
    read_only,
    timeout = "10h",
    retry(attempts = 3, base = "5h", cap = "5h")
)]
async fn patient(conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    Err(Failure::Stumbled(1))
}

/// Waits until the operation has reported that it will be tried again.
async fn is_tried_again(trace: &Trace, operation: &str) {
    while trace.events(operation).is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_dropped_while_it_waits_to_try_again_has_the_outcome_of_its_attempts() {
    let db = bank::open().await;
    let trace = Trace::start();
    let waiting = async {
        tokio::select! {
            biased;
            _ = patient(&*db) => panic!("a wait of hours has come to its end"),
            () = is_tried_again(&trace, "traced.patient") => {}
        }
    };
    let seen = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    seen.expect("the first attempt has failed");
    let spans = trace.spans("traced.patient");
    assert_eq!(spans.len(), 1, "{spans:#?}");
    holds(
        &spans[0],
        &[("dbop.outcome", "rolled_back"), ("dbop.attempts", "1")],
    );
}

#[db_op(name = "traced.inner")]
async fn inner(conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    sqlx::query("SELECT 1").execute(&mut *conn).await?;
    tracing::info!(db.operation.name = "traced.words", "said by a body");
    Ok(())
}

/// Calls [`inner`] twice.
#[transactional(name = "traced.outer")]
async fn outer(tx: &mut Tx<'_, Database>, runs: &Runs, fails: u32) -> Result<(), Failure> {
    inner(&mut *tx).await?;
    inner(&mut *tx).await?;
    match runs.next() {
        run if run <= fails => Err(Failure::Stumbled(run)),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn a_joined_call_has_a_span_inside_the_outer_one() {
    let db = bank::open().await;
    let trace = Trace::start();
    outer(&*db, &Runs::default(), 0).await.unwrap();
    let inner = trace.spans("traced.inner");
    assert_eq!(inner.len(), 2);
    for span in inner {
        assert_eq!(field(&span, "parent"), Some("traced.outer"), "{span:#?}");
    }
    for words in trace.events("traced.words") {
        assert_eq!(field(&words, "parent"), Some("traced.inner"), "{words:#?}");
    }
}

#[derive(Debug, thiserror::Error, DbError)]
enum Counted {
    #[error("no")]
    No,
    #[error("again")]
    #[db_error(category = transient)]
    Again,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

/// Only one test calls this, and looks at its counts.
#[db_op(name = "counted.inner")]
async fn counted_inner(conn: &mut Conn<'_, Database>) -> Result<(), Counted> {
    sqlx::query("SELECT 1")
        .execute(&mut *conn)
        .await
        .map_err(dbop::Error::from)?;
    Ok(())
}

/// Only one test calls this, and looks at its counts. In its first `fails` runs the body asks to be
/// run again; then it succeeds if `fine`, and otherwise refuses.
#[transactional(name = "counted.outer")]
async fn counted_outer(
    tx: &mut Tx<'_, Database>,
    runs: &Runs,
    fails: u32,
    fine: bool,
) -> Result<(), Counted> {
    counted_inner(&mut *tx).await?;
    if runs.next() <= fails {
        return Err(Counted::Again);
    }
    if fine { Ok(()) } else { Err(Counted::No) }
}

/// Returns the counts of an operation in this module, which is compiled once for each database,
/// under two paths.
fn counts(name: &str) -> OperationMetrics {
    let all = dbop::metrics();
    let ours = all.iter().find(|op| op.name == name && op.file == file!());
    ours.unwrap_or_else(|| panic!("{name} was not counted"))
        .clone()
}

#[tokio::test]
async fn metrics_are_exact() {
    let db = bank::open().await;
    counted_outer(&*db, &Runs::default(), 0, true)
        .await
        .unwrap();
    counted_outer(&*db, &Runs::default(), 2, true)
        .await
        .unwrap();
    counted_outer(&*db, &Runs::default(), 0, false)
        .await
        .unwrap_err();
    counted_outer(&*db, &Runs::default(), 9, true)
        .await
        .unwrap_err();
    let outer = counts("counted.outer");
    assert_eq!((outer.calls, outer.joined), (4, 0));
    assert_eq!((outer.attempts, outer.retries), (1 + 3 + 1 + 3, 4));
    assert_eq!(
        (outer.committed, outer.rolled_back, outer.unknown),
        (2, 2, 0)
    );
    assert!(outer.total_time > Duration::ZERO);
    let inner = counts("counted.inner");
    assert_eq!((inner.calls, inner.joined, inner.attempts), (0, 8, 0));
    counted_inner(&*db).await.unwrap();
    let inner = counts("counted.inner");
    assert_eq!((inner.calls, inner.joined, inner.attempts), (1, 8, 1));
}
