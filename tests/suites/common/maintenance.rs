//! Maintenance: tasks that run again and again, whatever becomes of one of them, until they are stopped.

use std::time::Duration;

use dbop::{Db, MaintenanceBuilder};
use dbop_tests::eventually;
use dbop_tests::trace::Trace;
use sqlx::Executor;

use super::Database;
use super::notes::{self, note, soon};

pub(crate) const OFTEN: Duration = Duration::from_millis(10);
pub(crate) const OPTIMIZE: &str = "dbop.maintenance.optimize";
const VACUUM: &str = "dbop.maintenance.vacuum";
const ONCE_MARKERS: &str = "dbop.maintenance.once_markers";

/// Maintenance without any task.
pub(crate) fn nothing(db: &Db<Database>) -> MaintenanceBuilder {
    let builder = db.maintenance().stale_sessions(None).once_markers(None);
    builder.optimize(None).vacuum(None)
}

/// Waits until the operation has run so many times.
pub(crate) async fn has_run(trace: &Trace, operation: &str, times: usize) {
    eventually(operation, async || trace.spans(operation).len() >= times).await;
}

#[tokio::test]
async fn each_task_runs_again_and_again_as_an_operation_until_it_is_stopped() {
    let fresh = notes::open().await;
    let trace = Trace::start();
    let maintenance = nothing(&fresh)
        .optimize(OFTEN)
        .vacuum(OFTEN)
        .once_markers(OFTEN)
        .start();
    for operation in [OPTIMIZE, VACUUM, ONCE_MARKERS] {
        has_run(&trace, operation, 3).await;
        let committed = |span: &std::collections::BTreeMap<String, String>| {
            span.get("dbop.outcome").is_some_and(|it| it == "committed")
        };
        assert!(
            trace.spans(operation).iter().take(3).all(committed),
            "{operation}"
        );
        assert!(trace.events(operation).is_empty(), "{operation}");
    }
    note(&*fresh, 1).await.expect("beside maintenance");
    soon("stop", maintenance.stop()).await;
    let ran = trace.spans(OPTIMIZE).len();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.spans(OPTIMIZE).len(), ran);
    assert!(soon("the shutdown", fresh.shutdown(OFTEN)).await.closed);
}

#[tokio::test]
async fn maintenance_ends_with_its_handle_and_with_the_shutdown_of_its_database() {
    let fresh = notes::open().await;
    let trace = Trace::start();
    let dropped = nothing(&fresh).optimize(OFTEN).start();
    has_run(&trace, OPTIMIZE, 1).await;
    // On PostgreSQL only one has its turn, until it ends.
    drop(dropped);
    let kept = nothing(&fresh).vacuum(OFTEN).start();
    has_run(&trace, VACUUM, 1).await;
    assert!(!kept.has_ended());
    let shutdown = soon("the shutdown", fresh.shutdown(Duration::from_secs(3600))).await;
    assert!(shutdown.is_complete(), "{shutdown:?}");
    eventually("the end", async || kept.has_ended()).await;
    soon("stop", kept.stop()).await;
    let none = nothing(&fresh).start();
    soon("the end of maintenance that has nothing to do", none.stop()).await;
}

/// A table of the markers' name that lacks the column for their age.
const NO_MARKERS: &str = "CREATE TABLE dbop_once (op TEXT, key TEXT)";

#[tokio::test]
async fn a_task_that_fails_is_logged_and_tried_again_and_the_others_go_on() {
    let fresh = notes::open().await;
    fresh.pool().execute(NO_MARKERS).await.unwrap();
    let trace = Trace::start();
    let maintenance = nothing(&fresh).once_markers(OFTEN).optimize(OFTEN).start();
    eventually("the failures", async || {
        trace.events(ONCE_MARKERS).len() >= 2
    })
    .await;
    let failure = &trace.events(ONCE_MARKERS)[0];
    assert!(
        failure["error.message"].contains("created_at"),
        "{failure:?}"
    );
    let before = trace.spans(OPTIMIZE).len();
    has_run(&trace, OPTIMIZE, before + 2).await;
    fresh.pool().execute("DROP TABLE dbop_once").await.unwrap();
    eventually("success", async || {
        let last = trace.spans(ONCE_MARKERS).pop();
        last.is_some_and(|span| span["dbop.outcome"] == "committed")
    })
    .await;
    soon("stop", maintenance.stop()).await;
}

#[tokio::test]
async fn old_markers_are_deleted_to_the_last_and_young_ones_stay() {
    let fresh = notes::open().await;
    fresh
        .pool()
        .execute(Db::<Database>::ONCE_SCHEMA)
        .await
        .unwrap();
    let old = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
        INSERT INTO dbop_once (op, key, fp, created_at)
        SELECT 'old', CAST(i AS TEXT), '', '2020-01-01T00:00:00.000Z' FROM n";
    fresh.pool().execute(old).await.unwrap();
    let young = "INSERT INTO dbop_once (op, key, fp) VALUES ('young', '1', '')";
    fresh.pool().execute(young).await.unwrap();
    let left = async || {
        let left = sqlx::query_scalar("SELECT op FROM dbop_once ORDER BY op LIMIT 2");
        let left: Vec<String> = left.fetch_all(fresh.pool()).await.unwrap();
        left
    };
    let maintenance = nothing(&fresh).once_markers(OFTEN).start();
    eventually("only the young one", async || left().await == ["young"]).await;
    soon("stop", maintenance.stop()).await;
}
