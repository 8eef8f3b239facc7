//! A text of several statements, or a helper, that ends the transaction and begins another one.

use std::sync::{Arc, Mutex};

use dbop::{Outcome, Tx, transactional};
use sqlx::{AssertSqlSafe, Executor};

use super::Database;
use super::notes::{self, Trouble, insert, note, stored};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Ok,
    Refuses,
    FailsToo,
}

#[transactional(retry = never)]
async fn says_between(
    tx: &mut Tx<'_, Database>,
    sql: &str,
    past_dbop: bool,
    then: Then,
    told: &Told,
) -> Result<(), Trouble> {
    told.listen(tx);
    insert(&mut *tx, 1).await?;
    // Some of the texts are refused after a part of them has run.
    let said = if past_dbop {
        tx.conn().execute(AssertSqlSafe(sql)).await
    } else {
        tx.execute(AssertSqlSafe(sql)).await
    };
    let inserted = insert(&mut *tx, 2).await;
    match then {
        Then::Ok => {
            said?;
            inserted?;
            Ok(())
        }
        Then::Refuses => Err(Trouble::Refused),
        Then::FailsToo => Ok(insert(&mut *tx, 2).await?),
    }
}

/// The outcomes that hooks were given.
#[derive(Debug, Default)]
struct Told(Arc<Mutex<Vec<Outcome>>>);

impl Told {
    fn listen(&self, tx: &mut Tx<'_, Database>) {
        let hook = |outcome| {
            let told = Arc::clone(&self.0);
            async move { told.lock().unwrap().push(outcome) }
        };
        tx.after_commit(hook(Outcome::Committed));
        tx.after_rollback(hook(Outcome::RolledBack));
        tx.on_unknown(hook(Outcome::Unknown));
    }

    fn outcome(&self) -> Outcome {
        let told = self.0.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0]
    }
}

/// Returns whether the outcome that a call reports is true of what is stored.
fn is_true(outcome: Outcome, stored: &[i64]) -> bool {
    match outcome {
        Outcome::Committed => stored == [1, 2],
        Outcome::RolledBack => stored.is_empty(),
        Outcome::Unknown => true,
    }
}

#[tokio::test]
async fn a_text_that_ends_the_transaction_and_begins_another_gets_no_wrong_outcome() {
    for sql in super::super::REOPENS {
        for past_dbop in [false, true] {
            for then in [Then::Ok, Then::Refuses, Then::FailsToo] {
                // Postgres answers no question in an aborted transaction, and dbop has not seen the
                // statement that went past it.
                if past_dbop && then == Then::FailsToo && super::super::ABORTS {
                    continue;
                }
                let db = notes::open_narrow().await;
                let told = Told::default();
                let ended = says_between(&*db, sql, past_dbop, then, &told).await;
                let (outcome, stored) = (told.outcome(), stored(&db).await);
                let context = format!(
                    "{sql}, past dbop: {past_dbop}, {then:?}: {ended:?}, {outcome}, {stored:?}"
                );
                assert!(is_true(outcome, &stored), "{context}");
                assert!(ended.is_err(), "{context}");
                if let Err(Trouble::Database(error)) = &ended {
                    assert_eq!(error.outcome().unwrap(), outcome, "{context}");
                }
                note(&*db, 9).await.expect("the next call");
            }
        }
    }
}

#[tokio::test]
async fn a_text_of_several_statements_that_leaves_the_transaction_alone_commits() {
    let db = notes::open_narrow().await;
    let sql = "INSERT INTO notes VALUES (3); /* COMMIT; */ INSERT INTO notes VALUES (4)";
    let told = Told::default();
    says_between(&*db, sql, false, Then::Ok, &told)
        .await
        .unwrap();
    assert_eq!(told.outcome(), Outcome::Committed);
    assert_eq!(stored(&db).await, [1, 2, 3, 4]);
}

/// Each commit is the last statement about the transaction, and goes through the connection itself.
#[tokio::test]
async fn a_commit_past_dbop_is_never_told_as_rolled_back() {
    for then in [Then::Ok, Then::Refuses, Then::FailsToo] {
        let db = notes::open_narrow().await;
        let told = Told::default();
        let ended = says_between(&*db, "COMMIT", true, then, &told).await;
        let context = format!("{then:?}: {ended:?}");
        assert!(ended.is_err(), "{context}");
        assert_eq!(told.outcome(), Outcome::Unknown, "{context}");
        assert!(stored(&db).await.contains(&1), "{context}");
    }
}
