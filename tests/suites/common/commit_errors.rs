//! Transactions that COMMIT refuses.

use dbop::{Category, DbBuilder, ErrorKind, Outcome, Tx, transactional};
use dbop_tests::Fresh;
use sqlx::Executor;

use super::replay::{Failure, Runs};
use super::{Database, fresh_with};

/// Opens a database with a foreign key that is checked at COMMIT.
async fn open(configure: fn(DbBuilder<Database>) -> DbBuilder<Database>) -> Fresh<Database> {
    let fresh = fresh_with(configure).await;
    let schema = "CREATE TABLE parents (id BIGINT PRIMARY KEY);
        CREATE TABLE children (id BIGINT PRIMARY KEY, parent BIGINT NOT NULL
            REFERENCES parents DEFERRABLE INITIALLY DEFERRED)";
    fresh.pool().execute(schema).await.unwrap();
    fresh
}

#[transactional]
async fn adopt(tx: &mut Tx<'_, Database>, completed: &Runs) -> Result<(), Failure> {
    sqlx::query("INSERT INTO children VALUES (1, 99)")
        .execute(&mut *tx)
        .await?;
    completed.next();
    Ok(())
}

#[tokio::test]
async fn a_deferred_constraint_that_fails_at_commit_rolls_back_and_is_not_replayed() {
    let db = open(|builder| builder.max_connections(1)).await;
    let completed = Runs::default();
    let error = adopt(&*db, &completed).await.unwrap_err().database();
    assert_eq!(completed.count(), 1, "the body itself succeeded, once");
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Integrity, ErrorKind::ForeignKey)
    );
    assert_eq!(
        (error.outcome().unwrap(), error.attempts()),
        (Outcome::RolledBack, 1)
    );
    // This call gets the same connection, because there is no other. Nothing of the first call is
    // left open on it.
    let again = adopt(&*db, &completed).await.unwrap_err().database();
    assert_eq!(again.kind(), ErrorKind::ForeignKey);
    let children = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM children");
    assert_eq!(children.fetch_one(db.pool()).await.unwrap(), 0);
}
