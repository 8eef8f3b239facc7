//! Bodies and failures that only Postgres can have.

use dbop::{Category, Conn, Db, ErrorKind, Outcome, db_op};
use dbop_tests::proxy::Proxy;
use sqlx::{Executor, PgConnection, PgPool, Postgres};

use super::common::bank::{self, balance, total};
use super::common::blocker::{Blocker, open_impatient};
use super::common::replay::{Failure, Runs, note, notes};
use super::outside;

macro_rules! text {
    ($name:ident, $sql:literal) => {
        #[db_op]
        async fn $name(conn: &mut Conn<'_, Postgres>, runs: &Runs) -> Result<(), Failure> {
            runs.next();
            sqlx::raw_sql($sql).execute(&mut *conn).await?;
            Ok(())
        }
    };
}

text!(call, "CALL pay()");
text!(run_do, "DO $$ BEGIN UPDATE accounts SET cents = 0; END $$");

#[tokio::test]
async fn call_and_do_may_have_committed_inside_so_they_are_not_replayed() {
    let (fresh, db) = open_impatient().await;
    let pay = "CREATE PROCEDURE pay() LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO log VALUES (nextval('pays'), 'paid');
        COMMIT;
        UPDATE accounts SET cents = 0;
    END $$";
    fresh.pool().execute("CREATE SEQUENCE pays").await.unwrap();
    fresh.pool().execute(pay).await.unwrap();
    let _blocker = Blocker::locked(&fresh).await;
    let runs = Runs::default();
    let error = call(&db, &runs).await.unwrap_err().database();
    assert_eq!((runs.count(), error.kind()), (1, ErrorKind::Lock));
    assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
    assert_eq!(notes(&fresh).await, 1, "this is what a replay would repeat");
    let error = run_do(&db, &runs).await.unwrap_err().database();
    assert_eq!(
        (runs.count(), error.outcome().unwrap()),
        (2, Outcome::Unknown)
    );
}

/// Adds to account 1 and, if `both`, to account 2 in the same statement.
#[db_op]
async fn deposit(
    conn: &mut Conn<'_, Postgres>,
    after_note: bool,
    both: bool,
    runs: &Runs,
) -> Result<(), Failure> {
    runs.next();
    if after_note {
        note(&mut *conn, 1).await?;
    }
    let add = "WITH locked AS (
            SELECT id FROM accounts WHERE id <= $1 ORDER BY id FOR UPDATE
        ) UPDATE accounts SET cents = cents + 1 FROM locked WHERE accounts.id = locked.id";
    let most = if both { 2_i64 } else { 1 };
    sqlx::query(add).bind(most).execute(&mut *conn).await?;
    Ok(())
}

/// Waits until a session of this database waits for a lock.
pub(crate) async fn until_somebody_waits(conn: &mut PgConnection) {
    let waits = "SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let begun = std::time::Instant::now();
    while sqlx::query_scalar::<_, i64>(waits)
        .fetch_one(&mut *conn)
        .await
        .unwrap()
        == 0
    {
        assert!(begun.elapsed().as_secs() < 10, "nobody waits for a lock");
    }
}

/// Opens a handle whose single statements run at this isolation. Its sessions look for a deadlock
/// only after a second, which leaves time to complete the circle.
async fn at(url: &str, isolation: &str) -> Db<Postgres> {
    let options = "options=-c%20deadlock_timeout%3D1000%20-c%20default_transaction_isolation%3D";
    Db::connect(&format!("{url}?{options}{isolation}"))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_serialization_failure_of_the_first_statement_is_replayed_and_of_a_later_one_is_not() {
    let fresh = bank::open().await;
    let db = at(&fresh.url, "repeatable\\%20read").await;
    for after_note in [false, true] {
        let mut other = outside(&fresh).await;
        let mut watch = outside(&fresh).await;
        other
            .execute("BEGIN; UPDATE accounts SET cents = cents + 10 WHERE id = 1")
            .await
            .unwrap();
        let runs = Runs::default();
        let (result, ()) = tokio::join!(deposit(&db, after_note, false, &runs), async {
            until_somebody_waits(&mut watch).await;
            other.execute("COMMIT").await.unwrap();
        });
        if after_note {
            let error = result.unwrap_err().database();
            assert_eq!((error.kind(), runs.count()), (ErrorKind::Serialization, 1));
            assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
        } else {
            result.unwrap();
            assert_eq!(runs.count(), 2);
        }
    }
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 100 + 10 + 1 + 10);
}

#[tokio::test]
async fn a_deadlock_of_the_first_statement_is_replayed_and_of_a_later_one_is_not() {
    let fresh = bank::open().await;
    let db = at(&fresh.url, "read\\%20committed").await;
    for after_note in [false, true] {
        let mut other = outside(&fresh).await;
        let mut watch = outside(&fresh).await;
        // The other session never looks for deadlocks, so the server chooses a session of dbop's as
        // the victim.
        other.execute("SET deadlock_timeout = '1h'").await.unwrap();
        other
            .execute("BEGIN; UPDATE accounts SET cents = cents + 10 WHERE id = 2")
            .await
            .unwrap();
        let runs = Runs::default();
        let (result, ()) = tokio::join!(deposit(&db, after_note, true, &runs), async {
            until_somebody_waits(&mut watch).await;
            other
                .execute("UPDATE accounts SET cents = cents + 10 WHERE id = 1")
                .await
                .unwrap();
            other.execute("COMMIT").await.unwrap();
        });
        if after_note {
            let error = result.unwrap_err().database();
            assert_eq!((error.kind(), runs.count()), (ErrorKind::Deadlock, 1));
            assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
        } else {
            result.unwrap();
            assert_eq!(runs.count(), 2);
        }
    }
    assert_eq!(total(&*fresh).await.unwrap(), 400 + 40 + 2);
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_tried_again_before_the_body() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let pool = PgPool::connect_lazy(&proxy.url).unwrap();
    let runs = Runs::default();
    proxy.close_next(2);
    deposit(&pool, true, false, &runs).await.unwrap();
    assert_eq!((runs.count(), proxy.accepted()), (1, 3));
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 101);
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_given_up_after_three_attempts() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let pool = PgPool::connect_lazy(&proxy.url).unwrap();
    let runs = Runs::default();
    proxy.close_next(u32::MAX);
    let error = deposit(&pool, false, false, &runs)
        .await
        .unwrap_err()
        .database();
    assert_eq!((runs.count(), proxy.accepted()), (0, 3));
    assert_eq!((error.attempts(), error.kind()), (3, ErrorKind::Connection));
    assert_eq!(
        error.outcome().unwrap(),
        Outcome::RolledBack,
        "no statement was ever sent"
    );
}

macro_rules! cut {
    ($name:ident, $attribute:meta) => {
        #[$attribute]
        async fn $name(
            conn: &mut Conn<'_, Postgres>,
            proxy: &Proxy,
            runs: &Runs,
        ) -> Result<(), Failure> {
            if runs.next() == 1 {
                proxy.cut();
            }
            sqlx::query("UPDATE accounts SET cents = 7 WHERE id = 1")
                .execute(&mut *conn)
                .await?;
            Ok(())
        }
    };
}

cut!(set_plainly, db_op);
cut!(set_idempotently, db_op(idempotent));

#[tokio::test]
async fn a_connection_lost_in_the_first_statement_leaves_its_effect_unknown() {
    let fresh = bank::open().await;
    let proxy = Proxy::before(&fresh.url).await;
    let db = Db::<Postgres>::connect(&proxy.url).await.unwrap();
    let runs = Runs::default();
    let error = set_plainly(&db, &proxy, &runs)
        .await
        .unwrap_err()
        .database();
    assert_eq!((runs.count(), error.kind()), (1, ErrorKind::Connection));
    assert_eq!(
        (error.category(), error.outcome().unwrap()),
        (Category::Transient, Outcome::Unknown)
    );
    let runs = Runs::default();
    set_idempotently(&db, &proxy, &runs).await.unwrap();
    assert_eq!(runs.count(), 2);
    assert_eq!(balance(&*fresh, 1).await.unwrap(), 7);
}
