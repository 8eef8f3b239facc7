//! Maintenance of a server's database: one process holds an advisory lock, and does all the tasks.

use std::time::Duration;

use dbop_tests::eventually;
use dbop_tests::trace::Trace;
use sqlx::{Connection, Executor, PgConnection};

use super::common::maintenance::{OFTEN, OPTIMIZE, has_run, nothing};
use super::common::notes::{self, soon};
use super::outside;

const STALE: &str = "dbop.maintenance.stale_sessions";

/// Returns how many sessions the database has seen.
async fn sessions(conn: &mut PgConnection) -> i64 {
    let seen = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(seen).fetch_one(conn).await.unwrap()
}

#[tokio::test]
async fn while_another_process_has_the_lock_no_task_runs_and_when_that_dies_the_tasks_run() {
    let fresh = notes::open().await;
    let mut outside = outside(&fresh).await;
    let lock = fresh.advisory_lock("dbop: maintenance").await.unwrap();
    let trace = Trace::start();
    let maintenance = nothing(&fresh).optimize(OFTEN).start();
    // Each try to get the lock is a session of its own.
    let before = sessions(&mut outside).await;
    let outside = tokio::sync::Mutex::new(outside);
    eventually("some tries", async || {
        sessions(&mut *outside.lock().await).await >= before + 3
    })
    .await;
    assert!(trace.spans(OPTIMIZE).is_empty());
    let kill =
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    outside.lock().await.execute(kill).await.unwrap();
    soon("the loss", lock.lost()).await;
    has_run(&trace, OPTIMIZE, 2).await;
    soon("stop", maintenance.stop()).await;
    // The lock is free again.
    soon("the lock", fresh.advisory_lock("dbop: maintenance"))
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
}

#[tokio::test]
async fn tables_that_were_analyzed_within_the_period_are_not_analyzed_again() {
    let fresh = notes::open().await;
    let analyzed = async || {
        let times = sqlx::query_scalar::<_, Option<i64>>(
            "SELECT sum(analyze_count)::bigint FROM pg_stat_user_tables",
        );
        times
            .fetch_one(fresh.pool())
            .await
            .unwrap()
            .unwrap_or_default()
    };
    let trace = Trace::start();
    let day = Duration::from_secs(24 * 60 * 60);
    fresh.pool().execute("ANALYZE").await.unwrap();
    eventually("the server's count", async || analyzed().await == 1).await;
    // A process that is started again and again asks soon after each start, and does nothing.
    let maintenance = nothing(&fresh).optimize(day).start();
    let often = nothing(&fresh).vacuum(OFTEN).start();
    has_run(&trace, "dbop.maintenance.vacuum", 2).await;
    assert_eq!(analyzed().await, 1);
    for maintenance in [maintenance, often] {
        soon("stop", maintenance.stop()).await;
    }
}

#[tokio::test]
async fn a_session_that_idles_in_a_transaction_is_reported_and_goes_on() {
    let fresh = notes::open().await;
    let mut idle = PgConnection::connect(&fresh.url).await.unwrap();
    idle.execute("SET application_name = 'the sleeper'")
        .await
        .unwrap();
    idle.execute("BEGIN; INSERT INTO notes VALUES (987654321)")
        .await
        .unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut idle)
        .await
        .unwrap();
    let trace = Trace::start();
    let builder = nothing(&fresh).stale_sessions(OFTEN);
    let maintenance = builder.stale_after(Duration::ZERO).start();
    eventually("the report", async || !trace.events(STALE).is_empty()).await;
    let report = &trace.events(STALE)[0];
    assert_eq!(report["dbop.session.pid"], pid.to_string());
    assert_eq!(report["dbop.session.application_name"], "the sleeper");
    assert!(
        !format!("{report:?}").contains("987654321"),
        "no value: {report:?}"
    );
    soon("stop", maintenance.stop()).await;
    idle.execute("COMMIT")
        .await
        .expect("nobody has ended the session");
    assert_eq!(notes::stored(&fresh).await, [987654321]);

    // A session that has not been idle for so long is not reported.
    idle.execute("BEGIN; SELECT 1").await.unwrap();
    let before = (trace.events(STALE).len(), trace.spans(STALE).len());
    let maintenance = nothing(&fresh).stale_sessions(OFTEN).start();
    has_run(&trace, STALE, before.1 + 3).await;
    assert_eq!(trace.events(STALE).len(), before.0);
    soon("stop", maintenance.stop()).await;
    idle.execute("ROLLBACK").await.unwrap();
}
