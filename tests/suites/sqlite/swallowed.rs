//! Some errors of SQLite end the transaction and most do not, and the error does not say which.

use dbop::{Db, ErrorKind, Outcome, Tx, transactional};
use sqlx::Executor;

use super::Database;
use super::common::notes::{self, Trouble, insert, note, notes as read};

/// The schema of a table whose key ends the transaction, and of a table with a trigger that does.
const ENDING: &str = "CREATE TABLE strict (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK);
    INSERT INTO strict VALUES (1);
    CREATE TABLE guarded (id INTEGER);
    CREATE TRIGGER guard BEFORE INSERT ON guarded BEGIN SELECT RAISE(ROLLBACK, 'guarded'); END";

/// Opens a file, and a database in memory, whose one connection must not be closed.
async fn open_both() -> [(Db<Database>, Option<dbop_tests::Fresh<Database>>); 2] {
    let fresh = notes::open().await;
    let memory = Db::connect("sqlite::memory:")
        .await
        .expect("a database in memory");
    memory
        .pool()
        .execute(notes::SCHEMA)
        .await
        .expect("the schema");
    for db in [&fresh.db, &memory] {
        db.pool().execute(ENDING).await.expect("the schema");
    }
    [(fresh.db.clone(), Some(fresh)), (memory, None)]
}

#[transactional]
async fn swallows_a_violation(tx: &mut Tx<'_, Database>) -> Result<i64, Trouble> {
    insert(&mut *tx, 1).await?;
    insert(&mut *tx, 1).await.unwrap_err();
    insert(&mut *tx, 2).await?;
    insert(&mut *tx, 1).await.unwrap_err();
    Ok(7)
}

#[tokio::test]
async fn a_constraint_failure_leaves_the_transaction_as_it_was() {
    for (db, _keep) in open_both().await {
        assert_eq!(swallows_a_violation(&db).await.unwrap(), 7);
        assert_eq!(read(&db).await.unwrap(), [1, 2]);
    }
}

const ENDS_IT: [&str; 3] = [
    "INSERT INTO strict VALUES (1)",
    "INSERT OR ROLLBACK INTO notes VALUES (1)",
    "INSERT INTO guarded VALUES (1)",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// The body runs more statements, which must not run outside the ended transaction.
    GoesOn,
    /// The body returns `Ok` at once.
    Ends,
    /// The body returns an error of its own.
    Refuses,
}

#[transactional]
async fn swallows_the_end(
    tx: &mut Tx<'_, Database>,
    sql: &'static str,
    then: Then,
) -> Result<i64, Trouble> {
    insert(&mut *tx, 1).await?;
    let first = tx.execute(sql).await.unwrap_err();
    let code = |error: &sqlx::Error| {
        let error = error.as_database_error();
        error.and_then(|e| e.code()).map(|code| code.into_owned())
    };
    match then {
        Then::GoesOn => {}
        Then::Ends => return Ok(7),
        Then::Refuses => return Err(Trouble::Refused),
    }
    let refused = insert(&mut *tx, 2).await.unwrap_err();
    assert_eq!(code(&refused), code(&first), "{refused:?}");
    let read = sqlx::query("SELECT 1").fetch_optional(&mut *tx).await;
    assert_eq!(code(&read.unwrap_err()), code(&first));
    note(&mut *tx, 3).await.unwrap_err();
    Ok(7)
}

#[tokio::test]
async fn after_an_error_that_ended_the_transaction_nothing_more_runs_or_stays() {
    for (db, _keep) in open_both().await {
        for sql in ENDS_IT {
            for then in [Then::GoesOn, Then::Ends, Then::Refuses] {
                let error = swallows_the_end(&db, sql, then).await.unwrap_err();
                if then == Then::Refuses {
                    assert!(matches!(error, Trouble::Refused), "{sql}: {error:?}");
                } else {
                    let outcome = error.database().outcome().unwrap();
                    assert_eq!(outcome, Outcome::RolledBack, "{sql}, {then:?}");
                }
                let stored = read(&db).await.expect("a healthy connection");
                assert!(stored.is_empty(), "{sql}, {then:?}: {stored:?}");
            }
        }
        note(&db, 1).await.unwrap();
        note(&db, 2).await.unwrap();
        assert_eq!(read(&db).await.unwrap(), [1, 2]);
    }
}

#[transactional]
async fn ends_it_in_a_savepoint(
    tx: &mut Tx<'_, Database>,
    sql: &'static str,
    swallow: bool,
) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    let inside = tx
        .savepoint(async |sp: &mut Tx<'_, Database>| -> Result<(), Trouble> {
            match sp.execute(sql).await {
                Err(_) if swallow => Ok(()),
                result => Ok(result.map(drop)?),
            }
        })
        .await;
    assert!(
        inside.is_err(),
        "the savepoint is gone, and was said to be kept"
    );
    insert(&mut *tx, 2).await.unwrap_err();
    Ok(())
}

#[tokio::test]
async fn an_error_in_a_savepoint_can_end_the_whole_transaction() {
    for (db, _keep) in open_both().await {
        for sql in ENDS_IT {
            for swallow in [false, true] {
                let error = ends_it_in_a_savepoint(&db, sql, swallow).await.unwrap_err();
                assert_eq!(
                    error.database().outcome().unwrap(),
                    Outcome::RolledBack,
                    "{sql}"
                );
                assert!(read(&db).await.unwrap().is_empty(), "{sql}");
            }
        }
        note(&db, 1).await.unwrap();
        assert_eq!(read(&db).await.unwrap(), [1]);
    }
}

#[transactional]
async fn violates_at_commit(tx: &mut Tx<'_, Database>) -> Result<(), Trouble> {
    insert(&mut *tx, 1).await?;
    Ok(tx
        .execute("INSERT INTO child VALUES (99)")
        .await
        .map(drop)?)
}

#[tokio::test]
async fn a_commit_that_is_refused_leaves_nothing_open() {
    for (db, _keep) in open_both().await {
        let child =
            "CREATE TABLE child (id INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED)";
        db.pool().execute(child).await.unwrap();
        let error = violates_at_commit(&db).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignKey);
        assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
        assert!(read(&db).await.unwrap().is_empty());
        note(&db, 1).await.unwrap();
    }
}
