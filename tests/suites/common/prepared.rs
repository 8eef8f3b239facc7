//! Preparing a statement is not the same as running it.

use dbop::{Conn, ErrorKind, Outcome, db_op};
use sqlx::{Executor, SqlSafeStr, SqlStr};

use super::Database;
use super::bank::balance;
use super::blocker::{Blocker, open_impatient};
use super::notes::{self, Trouble};
use super::replay::{Failure, Runs, add};

fn text(sql: &'static str) -> SqlStr {
    sql.into_sql_str()
}

#[db_op]
async fn prepares_then_deposits(
    conn: &mut Conn<'_, Database>,
    blocker: &Blocker,
    runs: &Runs,
) -> Result<(), Failure> {
    if runs.next() == 2 {
        blocker.unlock().await;
    }
    conn.prepare(text("SELECT 1")).await?;
    conn.describe(text("SELECT 1")).await?;
    Ok(add(&mut *conn, 1).await?)
}

#[tokio::test]
async fn a_first_statement_is_the_first_although_others_were_prepared() {
    let (fresh, db) = open_impatient().await;
    let (blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    prepares_then_deposits(&db, &blocker, &runs).await.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 101);
}

#[db_op]
async fn prepares_nonsense(conn: &mut Conn<'_, Database>) -> Result<(), Trouble> {
    conn.prepare(text("SELECT id FROM nowhere")).await?;
    Ok(())
}

#[tokio::test]
async fn a_statement_that_cannot_be_prepared_has_had_no_effect() {
    let db = notes::open_narrow().await;
    let error = prepares_nonsense(&*db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    assert_eq!(error.database().outcome().unwrap(), Outcome::RolledBack);
}
