//! What is traced and counted: one operation, whatever says the database.

use dbop::{OperationMetrics, Tx, transactional};
use dbop_tests::trace::Trace;

use super::super::super::SYSTEM;
use super::super::Database;
use super::super::notes::{self as table, Trouble};
use super::{any, note};

#[transactional(name = "on_both.traced", on = [Sqlite, Postgres])]
async fn traced(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Trouble> {
    note(&mut *tx, id).await
}

#[tokio::test]
async fn a_call_is_one_span_that_names_its_database_and_its_line() {
    let db = table::open().await;
    // If two threads make the first call of the process, tracing may keep what the other one wanted.
    traced(&any(&db), 3).await.unwrap();
    traced(&*db, 4).await.unwrap();
    let trace = Trace::start();
    traced(&any(&db), 1).await.unwrap();
    traced(&*db, 2).await.unwrap();
    let spans = trace.spans("on_both.traced");
    assert_eq!(spans.len(), 2, "{spans:#?}");
    for span in &spans {
        assert_eq!(span["db.system.name"], SYSTEM);
        assert_eq!(span["code.file.path"], file!());
        assert_eq!(span["dbop.attempts"], "1");
    }
    let joined = trace.spans("note");
    assert_eq!(joined.len(), 2, "{joined:#?}");
    assert!(joined.iter().all(|span| span["parent"] == "on_both.traced"));
}

/// Only one test calls this, and looks at its counts.
#[transactional(name = "on_both.counted", on = [Sqlite, Postgres])]
async fn counted(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), Trouble> {
    note(&mut *tx, id).await
}

#[transactional]
async fn joins_counted(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Trouble> {
    counted(&mut *tx, id).await
}

#[tokio::test]
async fn calls_through_every_scope_are_counted_as_one_operation() {
    let db = table::open().await;
    counted(&any(&db), 1).await.unwrap();
    counted(&*db, 2).await.unwrap();
    counted(db.pool(), 3).await.unwrap();
    counted(&any(&db), 1).await.unwrap_err();
    joins_counted(&*db, 4).await.unwrap();
    let all = dbop::metrics();
    let is_ours = |op: &&OperationMetrics| op.name == "on_both.counted" && op.file == file!();
    let ours: Vec<_> = all.iter().filter(is_ours).collect();
    assert_eq!(ours.len(), 1, "{ours:#?}");
    assert_eq!((ours[0].calls, ours[0].joined), (4, 1));
    assert_eq!((ours[0].committed, ours[0].rolled_back), (3, 1));
}
