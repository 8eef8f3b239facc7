//! Which attempts are replayed, and with which arguments.

use dbop::{Outcome, db_op, transactional};
use dbop_tests::Trouble;
use dbop_tests::blocking::Gate;

use super::{Session, insert, narrow, number};

/// Counts a run in `runs`, and fails in the first `fails` runs.
fn stumble(runs: &Gate, fails: u32) -> Result<(), Trouble> {
    runs.pass();
    if runs.passed() <= fails {
        return Err(Trouble::NotNow);
    }
    Ok(())
}

#[transactional]
fn lucky(
    conn: &mut Session,
    n: i64,
    mut given: Vec<i64>,
    name: &str,
    runs: &Gate,
    fails: u32,
) -> Result<usize, Trouble> {
    insert(conn, n)?;
    given.push(n);
    assert_eq!(
        (given.len(), name),
        (3, "lent"),
        "each attempt has its own arguments"
    );
    stumble(runs, fails)?;
    Ok(given.len())
}

#[tokio::test]
async fn a_transaction_is_replayed_as_a_whole_with_fresh_arguments() {
    let world = narrow().await;
    let runs = Gate::opened();
    let name = String::from("lent");
    let ended = lucky(&world, 1, vec![7, 8], &name, &runs, 2).await;
    assert_eq!((ended.unwrap(), runs.passed()), (3, 3));
    assert_eq!(world.rows(1).await, 1, "only the last attempt is there");
}

#[tokio::test]
async fn attempts_run_out_and_nothing_is_there() {
    let world = narrow().await;
    let runs = Gate::opened();
    let ended = lucky(&world, 1, vec![7, 8], "lent", &runs, 100).await;
    assert!(matches!(ended, Err(Trouble::NotNow)));
    assert_eq!((runs.passed(), world.rows(1).await), (3, 0));
}

#[transactional(retry(attempts = 2, base = "1ms", cap = "1ms"))]
fn twice(conn: &mut Session, n: i64, runs: &Gate) -> Result<(), Trouble> {
    insert(conn, n)?;
    stumble(runs, 100)
}

#[transactional(retry = never)]
fn once(conn: &mut Session, n: i64, runs: Gate) -> Result<(), Trouble> {
    insert(conn, n)?;
    stumble(&runs, 100)
}

#[tokio::test]
async fn an_operation_has_the_attempts_it_asks_for() {
    let world = narrow().await;
    let runs = Gate::opened();
    twice(&world, 1, &runs).await.unwrap_err().to_string();
    assert_eq!(runs.passed(), 2);
    once(&world, 1, runs.clone()).await.unwrap_err().to_string();
    assert_eq!((runs.passed(), world.rows(1).await), (3, 0));
}

#[db_op]
fn plain(conn: &mut Session, n: i64, runs: &Gate) -> Result<(), Trouble> {
    insert(conn, n)?;
    stumble(runs, 2)
}

#[db_op(idempotent)]
fn idempotent(conn: &mut Session, n: i64, runs: &Gate) -> Result<(), Trouble> {
    insert(conn, n)?;
    stumble(runs, 2)
}

#[db_op(read_only)]
fn reads(conn: &mut Session, runs: &Gate) -> Result<i64, Trouble> {
    stumble(runs, 2)?;
    Ok(number(conn, "SELECT count(*) FROM notes")?)
}

#[tokio::test]
async fn an_operation_is_replayed_only_where_that_does_no_harm() {
    let world = narrow().await;
    let runs = Gate::opened();
    plain(&world, 1, &runs).await.unwrap_err().to_string();
    assert_eq!((runs.passed(), world.rows(1).await), (1, 1));
    let runs = Gate::opened();
    idempotent(&world, 2, &runs).await.unwrap();
    assert_eq!((runs.passed(), world.rows(2).await), (3, 3));
    let runs = Gate::opened();
    assert_eq!(reads(&world, &runs).await.unwrap(), 4);
    assert_eq!(runs.passed(), 3);
}

#[db_op(retry = never)]
fn without_a_connection(text: &str, runs: &Gate) -> Result<usize, Trouble> {
    stumble(runs, 1)?;
    Ok(text.len())
}

#[db_op(idempotent)]
fn again_without_a_connection(text: &str, runs: &Gate) -> Result<usize, Trouble> {
    stumble(runs, 1)?;
    Ok(text.len())
}

#[tokio::test]
async fn a_function_without_a_connection_is_replayed_where_it_says_so() {
    let runs = Gate::opened();
    let ended = without_a_connection("abc", &runs).await;
    assert!(matches!(ended, Err(Trouble::NotNow)));
    let runs = Gate::opened();
    assert_eq!(again_without_a_connection("abc", &runs).await.unwrap(), 3);
    assert_eq!(runs.passed(), 2);
}

#[tokio::test]
async fn what_the_application_refuses_is_rolled_back_once() {
    #[transactional]
    fn refuses(conn: &mut Session, runs: &Gate) -> dbop::Result<()> {
        runs.pass();
        insert(conn, 1)?;
        number(conn, "SELECT absent FROM notes").map(drop)
    }
    let world = narrow().await;
    let runs = Gate::opened();
    let error = refuses(&world, &runs).await.unwrap_err();
    assert_eq!((runs.passed(), error.attempts()), (1, 1));
    assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    assert_eq!(world.rows(1).await, 0);
}
