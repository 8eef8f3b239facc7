//! A program that is told to end in the middle of a transaction, and shuts its handle down.

use std::time::Duration;

use dbop::{Db, Tx, transactional};
use dbop_tests::Trouble;
use dbop_tests::process::{Process, say, test_name, wait_for_parent};
use sqlx::{Connection, Executor};
use tokio::signal::unix::{SignalKind, signal};

use super::{Database, fresh_with, outside};

const URL: &str = "DBOP_TEST_TERMINATED_URL";
const SECONDS: &str = "DBOP_TEST_TERMINATED_SECONDS";

#[transactional(retry = never)]
#[dbop::allow(foreign_await, reason = "the test holds the transaction open")]
async fn note_when_told(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    let insert = sqlx::query("INSERT INTO notes VALUES ($1)");
    insert.bind(id).execute(&mut *tx).await?;
    say("in a transaction");
    wait_for_parent().await;
    Ok(())
}

/// What a service does: works until SIGTERM, and then shuts its handle down.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn serves_until_it_is_told_to_end() {
    let url = std::env::var(URL).expect(URL);
    let seconds = std::env::var(SECONDS)
        .expect(SECONDS)
        .parse()
        .expect(SECONDS);
    let db = Db::<Database>::connect(&url).await.expect("the database");
    let mut told = signal(SignalKind::terminate()).expect("a handler of the signal");
    let working = db.clone();
    let work = tokio::spawn(async move {
        match note_when_told(&working, 1).await {
            Ok(()) => say("committed"),
            Err(error) => say(error.kind()),
        }
        note_when_told(&working, 2)
            .await
            .expect_err("the handle begins no more calls")
    });
    told.recv().await.expect("the signal");
    say("shutting down");
    let shutdown = db.shutdown(Duration::from_secs(seconds)).await;
    let refused = work.await.expect("no panic");
    say(format!(
        "{} {:?} {}",
        shutdown.finished,
        shutdown.rolled_back,
        refused.kind()
    ));
}

/// Runs the service with so many seconds for its shutdown, and tells it to end while it is in a
/// transaction. Returns what it has said then, and what is stored.
async fn terminated(seconds: &str, lets_it_finish: bool) -> (Vec<String>, Vec<i64>) {
    let fresh = fresh_with(|builder| builder).await;
    let schema = "CREATE TABLE notes (id BIGINT PRIMARY KEY)";
    fresh.pool().execute(schema).await.expect("the table");
    let test = test_name(module_path!(), "serves_until_it_is_told_to_end");
    let mut service = Process::start(&test, &[(URL, &fresh.url), (SECONDS, seconds)]);
    service.expect("in a transaction").await;
    service.terminate();
    service.expect("shutting down").await;
    if lets_it_finish {
        service.go_on();
    }
    let mut said = Vec::new();
    // It waits for its input in a thread, which ends with the input.
    while let Some(line) = service.hear().await {
        let is_last = line.contains('[');
        said.push(line);
        if is_last && !lets_it_finish {
            service.go_on();
        }
    }
    let mut conn = outside(&fresh).await;
    let ids = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
    let stored = ids.fetch_all(&mut conn).await.expect("the notes");
    conn.close().await.expect("the end of the session");
    (said, stored)
}

#[tokio::test]
async fn a_service_that_gets_sigterm_in_a_transaction_finishes_it_and_begins_no_other() {
    let (said, stored) = terminated("3600", true).await;
    assert_eq!(said, ["committed", "1 [] shutting_down"]);
    assert_eq!(stored, [1]);
}

#[tokio::test]
async fn a_service_that_gets_sigterm_rolls_back_what_has_not_ended_by_the_deadline() {
    let (said, stored) = terminated("0", false).await;
    assert_eq!(
        said,
        ["shutting_down", "0 [\"note_when_told\"] shutting_down"]
    );
    assert!(stored.is_empty());
}
