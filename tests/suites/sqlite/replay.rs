//! Bodies that only SQLite can have.

use dbop::{Conn, Kind, Outcome, db_op};
use sqlx::{Sqlite, SqliteConnection};

use super::common::blocker::{Blocker, open_impatient};
use super::common::replay::{Failure, Runs, add};

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
    "UPDATE OR FAIL accounts SET cents = cents + 1"
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
    assert_eq!((runs.count(), error.kind()), (1, Kind::Lock));
    assert_eq!(error.outcome(), Outcome::Unknown);
    let error = update_or_fail(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.outcome()), (2, Outcome::Unknown));
    let runs = Runs::default();
    let error = or_abort(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.outcome()), (5, Outcome::RolledBack));
}

#[db_op]
async fn deposit_raw(conn: &mut SqliteConnection, runs: &Runs) -> Result<(), Failure> {
    runs.next();
    Ok(add(&mut *conn, 1).await?)
}

#[tokio::test]
async fn a_body_on_the_drivers_connection_is_not_replayed() {
    let (fresh, db) = open_impatient().await;
    let (_blocker, runs) = (Blocker::locked(&fresh).await, Runs::default());
    let error = deposit_raw(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.kind()), (1, Kind::Lock));
    assert_eq!(error.outcome(), Outcome::Unknown);
}
