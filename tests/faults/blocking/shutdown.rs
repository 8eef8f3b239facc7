//! Runtimes that end while a body runs.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use dbop::{BlockingDb, Outcome, db_op, transactional};
use dbop_tests::blocking::{Configure, Gate};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Longer than anything in these tests takes, even on a busy machine. Shorter than the timeout of a
/// call, which would also stop a statement that never ends.
const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

/// Waits until a spawned call has ended. Returns what its caller was told; `None` if the runtime
/// has dropped the call, so that the caller was told nothing.
fn told(caller: &Receiver<dbop::Result<()>>) -> Option<dbop::Result<()>> {
    match caller.recv_timeout(PATIENCE) {
        Ok(result) => Some(result),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("the call neither returned nor was dropped"),
    }
}

/// Drops a runtime, and fails if its tasks and threads do not end.
fn end_and_wait(runtime: Runtime) {
    let (ended, hears) = channel();
    std::thread::spawn(move || {
        drop(runtime);
        ended.send(()).expect("the test waits");
    });
    let heard = hears.recv_timeout(PATIENCE);
    heard.expect("the runtime's threads end");
}

macro_rules! shut_down {
    ($driver:ident) => {
        mod $driver {
            use dbop_tests::blocking::$driver::{
                ENDLESS, Manager, Session, World, exec, number, open,
            };

            use super::*;

            const NARROW: Configure<Manager> = |builder| builder.max_connections(1);

            #[transactional]
            fn waits(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                gate.pass();
                exec(conn, &format!("INSERT INTO notes VALUES (-{n}, {n})"))
            }

            #[transactional]
            fn never_ends(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                gate.pass();
                number(conn, ENDLESS).map(drop)
            }

            #[db_op(read_only)]
            fn count(conn: &mut Session) -> dbop::Result<i64> {
                number(conn, "SELECT count(*) FROM notes")
            }

            /// Spawns a call, and waits until its body is at the gate.
            async fn begin(
                db: &BlockingDb<Manager>,
                gate: &Gate,
                endless: bool,
            ) -> Receiver<dbop::Result<()>> {
                let (tell, caller) = channel();
                let (db, inside) = (db.clone(), gate.clone());
                tokio::spawn(async move {
                    let result = if endless {
                        never_ends(&db, 1, &inside).await
                    } else {
                        waits(&db, 1, &inside).await
                    };
                    drop(tell.send(result));
                });
                gate.has(1).await;
                caller
            }

            /// Waits until the call's thread has ended, and returns the number of its rows. The
            /// pool has one connection, which comes back only then; so nothing changes after this
            /// count. Also checks that neither a transaction nor a lock is left, and that the pool
            /// still serves calls.
            async fn rows_once_it_has_ended(world: &World) -> i64 {
                let rows = count(&world.db).await.expect("the pool serves a reader");
                let another = waits(&world.db, 2, &Gate::opened()).await;
                another.expect("the pool serves a writer");
                assert_eq!(count(&world.db).await.unwrap(), rows + 2);
                // This statement waits for every transaction that has used the table.
                let alone = world.run("ALTER TABLE notes RENAME TO free");
                let alone = timeout(PATIENCE, alone).await;
                alone.expect("no other session holds a lock");
                assert_eq!(world.seen("SELECT count(*) FROM free").await, rows + 2);
                rows
            }

            /// `shutdown_background` does not wait until the runtime's tasks have been dropped.
            /// Meanwhile the body goes on, and it may commit for as long as its caller waits.
            #[test]
            fn a_runtime_that_ends_without_waiting_leaves_nothing_and_the_pool_to_the_next() {
                let (first, next) = (runtime(), runtime());
                let world = next.block_on(open(NARROW));
                let gate = Gate::default();
                let caller = first.block_on(begin(&world.db, &gate, false));
                first.shutdown_background();
                // The gate stays closed until the call has been dropped. From then on the body
                // commits nothing.
                let told = told(&caller);
                assert!(told.is_none(), "the body is still at its gate: {told:?}");
                gate.open();
                assert_eq!(next.block_on(rows_once_it_has_ended(&world)), 0);
            }

            /// The body may return before the runtime has dropped its caller, or after.
            #[test]
            fn a_body_that_returns_while_its_runtime_ends_commits_all_or_nothing() {
                for _ in 0..4 {
                    let (first, next) = (runtime(), runtime());
                    let world = next.block_on(open(NARROW));
                    let gate = Gate::default();
                    let caller = first.block_on(begin(&world.db, &gate, false));
                    first.shutdown_background();
                    gate.open();
                    let told = told(&caller);
                    let rows = next.block_on(rows_once_it_has_ended(&world));
                    let possible: &[i64] = match &told {
                        Some(Ok(())) => &[2],
                        Some(Err(error)) if error.outcome().unwrap() == Outcome::RolledBack => &[0],
                        Some(Err(_)) | None => &[0, 2],
                    };
                    assert!(possible.contains(&rows), "{rows} rows, and {told:?}");
                }
            }

            /// This runtime waits for the threads of its blocking pool, so the statement has to be
            /// stopped.
            #[test]
            fn a_runtime_that_waits_for_its_threads_stops_a_statement_that_never_ends() {
                let (first, next) = (runtime(), runtime());
                let world = next.block_on(open(NARROW));
                let gate = Gate::opened();
                let caller = first.block_on(begin(&world.db, &gate, true));
                end_and_wait(first);
                let told = told(&caller);
                assert!(told.is_none(), "the statement never ends: {told:?}");
                assert_eq!(next.block_on(rows_once_it_has_ended(&world)), 0);
            }
        }
    };
}

shut_down!(rusqlite);
shut_down!(postgres);
