//! What is traced of a call.

use dbop::{db_op, transactional};
use dbop_tests::Trouble;
use dbop_tests::blocking::Gate;
use dbop_tests::trace::{Fields, Trace};

use super::{SYSTEM, Session, TAKEN_CODE, exec, insert, narrow};

#[track_caller]
fn holds(fields: &Fields, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        let found = fields.get(*name).map(String::as_str);
        assert_eq!(found, Some(*value), "{name} in {fields:#?}");
    }
}

#[transactional(name = "told.tx")]
fn stumbles_once(conn: &mut Session, runs: &Gate) -> Result<(), Trouble> {
    runs.pass();
    tracing::info!(db.operation.name = "told.inside");
    insert(conn, 1)?;
    match runs.passed() {
        1 => Err(Trouble::NotNow),
        _ => Ok(()),
    }
}

#[db_op(name = "told.op")]
fn refuses(conn: &mut Session) -> Result<(), Trouble> {
    insert(conn, 1)?;
    Err(Trouble::Refused)
}

#[tokio::test]
async fn a_call_is_one_span_and_each_retry_one_event_as_with_async_functions() {
    let world = narrow().await;
    let trace = Trace::start();
    stumbles_once(&world, &Gate::opened()).await.unwrap();
    let spans = trace.spans("told.tx");
    assert_eq!(spans.len(), 1, "{spans:#?}");
    holds(
        &spans[0],
        &[
            ("otel.name", "told.tx"),
            ("otel.kind", "client"),
            ("db.system.name", SYSTEM),
            ("db.query.summary", "told.tx"),
            ("code.file.path", file!()),
            ("dbop.attempts", "2"),
            ("dbop.outcome", "committed"),
        ],
    );
    assert_eq!(spans[0].get("error.type"), None);
    let events = trace.events("told.tx");
    assert_eq!(events.len(), 1, "{events:#?}");
    holds(
        &events[0],
        &[
            ("message", "attempt failed and is retried"),
            ("dbop.attempt", "1"),
            ("parent", "told.tx"),
        ],
    );
    refuses(&world).await.unwrap_err().to_string();
    let spans = trace.spans("told.op");
    assert_eq!(spans.len(), 1, "{spans:#?}");
    holds(
        &spans[0],
        &[
            ("dbop.attempts", "1"),
            ("dbop.outcome", "unknown"),
            ("error.type", "application"),
            ("dbop.kind", "application"),
        ],
    );
}

#[transactional(name = "told.taken")]
fn taken(conn: &mut Session) -> Result<(), Trouble> {
    insert(conn, 1)?;
    Ok(exec(conn, "INSERT INTO notes VALUES (1, 1)")?)
}

#[tokio::test]
async fn an_error_has_the_status_code_of_the_database_if_its_driver_tells() {
    let world = narrow().await;
    let trace = Trace::start();
    taken(&world).await.unwrap_err();
    let span = &trace.spans("told.taken")[0];
    holds(
        span,
        &[
            ("error.type", TAKEN_CODE.unwrap_or("unique")),
            ("dbop.kind", "unique"),
        ],
    );
    let code = span.get("db.response.status_code").map(String::as_str);
    assert_eq!(code, TAKEN_CODE);
}
