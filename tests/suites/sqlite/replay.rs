//! Bodies that only SQLite can have.

use dbop::{Conn, ErrorKind, Outcome, db_op};
use sqlx::Sqlite;

use super::common::blocker::{Blocker, open_impatient};
use super::common::replay::{Failure, Runs};
use super::outside;

macro_rules! or_fail {
    ($name:ident, $sql:literal) => {
        #[db_op]
        async fn $name(conn: &mut Conn<'_, Sqlite>, runs: &Runs) -> Result<(), Failure> {
            runs.next();
            sqlx::query($sql).execute(&mut *conn).await?;
            Ok(())
        }
    };
}

or_fail!(
    insert_or_fail,
    "INSERT OR FAIL INTO accounts VALUES (5, 0), (6, 0)"
);
or_fail!(
    update_or_fail,
    "UPDATE OR FAIL accounts SET cents = cents + 1 WHERE true"
);
or_fail!(
    or_abort,
    "INSERT OR ABORT INTO accounts VALUES (5, 0), (6, 0)"
);

#[tokio::test]
async fn or_fail_keeps_what_it_had_changed_so_it_is_not_replayed() {
    let (fresh, db) = open_impatient().await;
    let _blocker = Blocker::locked(&fresh).await;
    let runs = Runs::default();
    let error = insert_or_fail(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.kind()), (1, ErrorKind::Lock));
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
    let error = update_or_fail(&db, &runs).await.unwrap_err().database();
    assert_eq!(
        (runs.count(), error.outcome().unwrap()),
        (2, Outcome::Unknown)
    );
    let runs = Runs::default();
    let error = or_abort(&db, &runs).await.unwrap_err().database();
    assert_eq!(
        (runs.count(), error.outcome().unwrap()),
        (5, Outcome::RolledBack)
    );
}

#[db_op]
async fn insert_many(conn: &mut Conn<'_, Sqlite>) -> Result<(), Failure> {
    let insert = "INSERT INTO keeping VALUES (1), (2), (1)";
    sqlx::query(insert).execute(&mut *conn).await?;
    Ok(())
}

/// `ON CONFLICT FAIL` is in the schema, and not in the statement.
#[tokio::test]
async fn a_failed_statement_that_has_kept_rows_is_not_called_rolled_back() {
    let (fresh, db) = open_impatient().await;
    let outcome = async |schema: &'static str| {
        sqlx::raw_sql(schema).execute(db.pool()).await.unwrap();
        let error = insert_many(&db).await.unwrap_err().database();
        assert_eq!(error.kind(), ErrorKind::Unique);
        let mut outside = outside(&fresh).await;
        let raw = insert_many(&mut outside).await.unwrap_err().database();
        let rows = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM keeping");
        let rows = rows.fetch_one(db.pool()).await.unwrap();
        (rows, error.outcome().unwrap(), raw.outcome().unwrap())
    };
    let keeping = "CREATE TABLE keeping (id UNIQUE ON CONFLICT FAIL)";
    let failed = (Outcome::Unknown, Outcome::RolledBack);
    assert_eq!(
        outcome(keeping).await,
        (2, failed.0, failed.1),
        "the second kept none"
    );
    let undoing = "DROP TABLE keeping; CREATE TABLE keeping (id UNIQUE)";
    assert_eq!(outcome(undoing).await, (0, failed.1, failed.1));
}
