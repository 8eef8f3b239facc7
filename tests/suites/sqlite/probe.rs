//! dbop asks whether a transaction is still open, and no statement slips through meanwhile.

use dbop::{Db, Outcome, Tx, transactional};
use dbop_tests::poll_at_most;
use sqlx::Executor;

use super::Database;
use super::common::notes::{self, Trouble, insert, note, notes as read};

/// Statements that each end the transaction. The table `strict` and the trigger are made in
/// [`open_both`].
const ENDS_IT: [&str; 3] = [
    "INSERT INTO strict VALUES (1)",
    "INSERT OR ROLLBACK INTO notes VALUES (1)",
    "INSERT INTO guarded VALUES (1)",
];

/// Opens a file, and a database in memory, whose one connection must not be closed.
async fn open_both() -> [(Db<Database>, Option<dbop_tests::Fresh<Database>>); 2] {
    let schema = "CREATE TABLE strict (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK);
        INSERT INTO strict VALUES (1);
        CREATE TABLE guarded (id INTEGER);
        CREATE TRIGGER guard BEFORE INSERT ON guarded BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    let fresh = notes::open().await;
    let memory = Db::connect("sqlite::memory:").await.expect("memory");
    let notes = notes::SCHEMA;
    memory.pool().execute(notes).await.expect("the schema");
    for db in [&fresh.db, &memory] {
        db.pool().execute(schema).await.expect("the schema");
    }
    [(fresh.db.clone(), Some(fresh)), (memory, None)]
}

#[transactional]
async fn drops_the_next_statement(
    tx: &mut Tx<'_, Database>,
    failing: &'static str,
    polls: u32,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    tx.execute(failing).await.unwrap_err();
    // Before this statement is sent, the database is asked whether the transaction is still open.
    if let Some(result) = poll_at_most(polls, insert(&mut *tx, 7)).await {
        result.unwrap_err();
    }
    insert(&mut *tx, 2).await.unwrap_err();
    Ok(())
}

#[tokio::test]
async fn a_question_dropped_half_way_lets_no_statement_run_outside_the_transaction() {
    for (db, _keep) in open_both().await {
        for failing in ENDS_IT {
            for polls in 1..=6 {
                let call = drops_the_next_statement(&db, failing, polls);
                let error = call.await.unwrap_err();
                let outcome = error.database().outcome().unwrap();
                assert_eq!(outcome, Outcome::RolledBack, "{failing}, {polls} polls");
                let stored = read(&db).await.unwrap();
                assert!(stored.is_empty(), "{failing}, {polls} polls: {stored:?}");
            }
        }
        note(&db, 1).await.unwrap();
    }
}

/// The first error leaves the transaction open, as most errors do.
#[transactional]
#[dbop::allow(
    swallowed_error,
    reason = "one is dropped half way and the other is refused, if it was not known yet that the transaction is open"
)]
async fn drops_a_statement_of_an_open_transaction(
    tx: &mut Tx<'_, Database>,
    polls: u32,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    insert(&mut *tx, 1).await.unwrap_err();
    drop(poll_at_most(polls, insert(&mut *tx, 7)).await);
    drop(insert(&mut *tx, 2).await);
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_which_it_is_not_known_whether_it_is_open_does_not_say_ok() {
    for (db, _keep) in open_both().await {
        for polls in 1..=6 {
            let result = drops_a_statement_of_an_open_transaction(&db, polls).await;
            let stored = read(&db).await.unwrap();
            let kept = [1, 2].iter().all(|id| stored.contains(id));
            assert_eq!(
                result.is_ok(),
                kept,
                "{polls} polls: {stored:?}, {result:?}"
            );
            if let Err(error) = result {
                assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
                assert!(stored.is_empty(), "{polls} polls: {stored:?}");
            }
            db.pool().execute("DELETE FROM notes").await.unwrap();
        }
    }
}

#[transactional]
async fn writes_past_the_end(
    tx: &mut Tx<'_, Database>,
    failing: &'static str,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    tx.execute(failing).await.unwrap_err();
    // This statement cannot be stopped. The transaction has ended, so it commits by itself.
    insert(tx.conn(), 5).await?;
    Ok(())
}

#[tokio::test]
async fn what_went_through_the_raw_connection_after_the_end_is_not_called_rolled_back() {
    for (db, _keep) in open_both().await {
        for failing in ENDS_IT {
            let error = writes_past_the_end(&db, failing).await.unwrap_err();
            let stored = read(&db).await.unwrap();
            assert_eq!(stored, [5], "{failing}: as SQLite has it");
            assert_eq!(
                error.database().outcome().unwrap(),
                Outcome::Unknown,
                "{failing}"
            );
            db.pool().execute("DELETE FROM notes").await.unwrap();
        }
        note(&db, 1).await.unwrap();
        assert_eq!(read(&db).await.unwrap(), [1]);
    }
}
