//! The pool: runtimes that come and go, and how a pool ends.

use dbop::{ErrorKind, db_op, transactional};
use dbop_tests::blocking::postgres;
use dbop_tests::blocking::rusqlite::{self, Session};
use dbop_tests::blocking::staged::{self, Act, Stage};
use dbop_tests::blocking::{Configure, Gate};
use tokio::runtime::{Builder, Runtime};

fn current_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

fn multi_thread() -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

const NARROW: Configure<rusqlite::Manager> = |builder| builder.max_connections(1);
const NARROW_POSTGRES: Configure<postgres::Manager> = |builder| builder.max_connections(1);

#[transactional]
fn add(conn: &mut Session, n: i64) -> dbop::Result<()> {
    rusqlite::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
}

#[transactional]
fn add_to_postgres(conn: &mut postgres::Session, n: i64) -> dbop::Result<()> {
    postgres::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
}

#[db_op]
fn waits(conn: &mut Session, gate: &Gate) -> dbop::Result<()> {
    rusqlite::exec(conn, "SELECT 1")?;
    gate.pass();
    Ok(())
}

#[test]
fn two_runtimes_use_it_one_after_the_other() {
    let first = multi_thread();
    let world = first.block_on(rusqlite::open(NARROW));
    let pg = first.block_on(postgres::open(NARROW_POSTGRES));
    let (db, pg_db) = (world.db.clone(), pg.db.clone());
    first.block_on(async {
        add(&db, 1).await.unwrap();
        add_to_postgres(&pg_db, 1).await.unwrap();
    });
    // sqlx's pools belong to the runtime in which they were opened.
    first.block_on(async {
        world.fresh.close().await;
        pg.fresh.close().await;
    });
    drop(first);
    for (n, runtime) in [(2, current_thread()), (3, multi_thread())] {
        runtime.block_on(async {
            add(&db, n).await.unwrap();
            add_to_postgres(&pg_db, n).await.unwrap();
        });
    }
}

#[test]
fn it_is_dropped_and_closed_where_there_is_no_runtime() {
    for close in [false, true] {
        let runtime = multi_thread();
        let world = runtime.block_on(rusqlite::open(NARROW));
        let pg = runtime.block_on(postgres::open(NARROW_POSTGRES));
        runtime.block_on(async {
            add(&world, 1).await.unwrap();
            add_to_postgres(&pg, 1).await.unwrap();
        });
        drop(runtime);
        if close {
            world.db.close();
            pg.db.close();
        }
        drop((world, pg));
    }
}

/// The runtime is ending, so none of its threads may be blocked any more. Closing a connection of
/// `postgres` would block.
#[test]
fn it_is_dropped_by_a_task_that_its_runtime_drops() {
    for runtime in [current_thread(), multi_thread()] {
        let pg = runtime.block_on(postgres::open(NARROW_POSTGRES));
        runtime.block_on(async { add_to_postgres(&pg, 1).await.unwrap() });
        let db = pg.db.clone();
        drop(pg);
        let (sender, dropped) = std::sync::mpsc::channel();
        struct Tell(
            Option<dbop::BlockingDb<postgres::Manager>>,
            std::sync::mpsc::Sender<bool>,
        );
        impl Drop for Tell {
            fn drop(&mut self) {
                let db = self.0.take();
                let closing = std::panic::AssertUnwindSafe(|| drop(db));
                let closed = std::panic::catch_unwind(closing).is_ok();
                self.1.send(closed).expect("the test listens");
            }
        }
        let held = Tell(Some(db), sender);
        runtime.spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        assert_eq!(dropped.recv(), Ok(true), "closing the pool panics");
    }
}

#[test]
fn a_call_is_dropped_anywhere_outside_of_its_runtime() {
    for stage in [Stage::Connect, Stage::IsValid, Stage::Begin] {
        let runtime = multi_thread();
        let (world, script) = runtime.block_on(staged::open(|builder| builder.max_connections(1)));
        if stage == Stage::IsValid {
            runtime.block_on(add_staged(&world, 1)).unwrap();
            std::thread::sleep(staged::UNTRUSTED);
        }
        let gate = Gate::default();
        script.at(stage, Act::Wait(gate.clone()));
        let mut call = Box::pin(add_staged(&world, 2));
        runtime.block_on(async {
            tokio::select! {
                ended = &mut call => panic!("{ended:?}"),
                () = gate.has(1) => {}
            }
        });
        runtime.shutdown_background();
        drop(call);
        gate.open();
        let next = current_thread();
        next.block_on(add_staged(&world, 3)).unwrap();
        assert_eq!(
            next.block_on(count_staged(&world, 2)).unwrap(),
            0,
            "{stage:?}"
        );
    }
}

#[transactional]
fn add_staged(conn: &mut staged::Session, n: i64) -> dbop::Result<()> {
    staged::exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
}

#[db_op(read_only)]
fn count_staged(conn: &mut staged::Session, n: i64) -> dbop::Result<i64> {
    let sql = format!("SELECT count(*) FROM notes WHERE n = {n}");
    rusqlite::number(&conn.inner, &sql)
}

#[test]
fn without_a_runtime_a_call_says_what_it_needs() {
    let runtime = current_thread();
    let world = runtime.block_on(rusqlite::open(NARROW));
    let error = futures_util::FutureExt::now_or_never(add(&world, 1))
        .expect("the call does not wait")
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts()),
        (ErrorKind::Configuration, 0)
    );
    assert!(error.to_string().contains("_sync"), "{error}");
}

#[tokio::test]
async fn a_closed_pool_refuses_calls_and_lets_those_finish_that_run() {
    let world = rusqlite::open(NARROW).await;
    let gate = Gate::default();
    let closer = async {
        gate.has(1).await;
        let mut waiting = Box::pin(add(&world, 1));
        assert!(dbop_tests::poll_at_most(1, &mut waiting).await.is_none());
        world.db.close();
        gate.open();
        let error = waiting.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolClosed, "{error}");
    };
    let (held, ()) = tokio::join!(waits(&world, &gate), closer);
    held.unwrap();
    let error = add(&world, 1).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::PoolClosed, 1));
    assert_eq!(world.rows(1).await, 0);
}

#[db_op(retry = never)]
fn without_a_connection(gate: Gate) -> dbop::Result<()> {
    gate.pass();
    Ok(())
}

#[transactional(retry = never)]
fn with_a_connection(conn: &mut Session, gate: Gate) -> dbop::Result<()> {
    gate.pass();
    rusqlite::exec(conn, "SELECT 1")
}

#[db_op(retry = never, timeout = "100ms")]
fn hurried(conn: &mut Session, gate: Gate) -> dbop::Result<()> {
    gate.pass();
    rusqlite::exec(conn, "SELECT 1")
}

/// The blocking pool may have no free thread for a long time.
#[test]
fn a_body_that_has_no_thread_yet_when_its_caller_goes_away_does_not_run() {
    let runtime = Builder::new_multi_thread()
        .max_blocking_threads(1)
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let world = runtime.block_on(rusqlite::open(|builder| builder.max_connections(3)));
    runtime.block_on(async {
        add(&world, 1).await.unwrap();
        let (busy, idle) = (Gate::default(), Gate::opened());
        let holder = tokio::spawn(without_a_connection(busy.clone()));
        busy.has(1).await;
        let mut calls = futures_util::future::join(
            Box::pin(without_a_connection(idle.clone())),
            Box::pin(with_a_connection(&world, idle.clone())),
        );
        assert!(dbop_tests::poll_at_most(1, &mut calls).await.is_none());
        drop(calls);
        let error = hurried(&world, idle.clone()).await.unwrap_err();
        assert_eq!(
            error.outcome().unwrap(),
            dbop::Outcome::RolledBack,
            "{error}"
        );
        busy.open();
        holder.await.unwrap().unwrap();
        add(&world, 2).await.unwrap();
        assert_eq!(idle.arrived(), 0, "no caller waits for this body");
    });
}
