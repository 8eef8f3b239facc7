//! Runtimes that end while a body runs.

use dbop::{BlockingDb, db_op, transactional};
use dbop_tests::blocking::{Configure, Gate};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

macro_rules! shut_down {
    ($driver:ident) => {
        mod $driver {
            use dbop_tests::blocking::$driver::{ENDLESS, Manager, Session, exec, number, open};

            use super::*;

            const NARROW: Configure<Manager> = |builder| builder.pool_size(1);

            #[transactional]
            fn waits(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                gate.pass();
                exec(conn, &format!("INSERT INTO notes VALUES (-{n}, {n})"))
            }

            #[transactional]
            fn never_ends(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<i64> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                gate.pass();
                number(conn, ENDLESS)
            }

            #[db_op(read_only)]
            fn count(conn: &mut Session) -> dbop::Result<i64> {
                number(conn, "SELECT count(*) FROM notes")
            }

            async fn begin(db: &BlockingDb<Manager>, gate: &Gate, endless: bool) {
                let (db, inside) = (db.clone(), gate.clone());
                tokio::spawn(async move {
                    if endless {
                        never_ends(&db, 1, &inside).await.map(drop)
                    } else {
                        waits(&db, 1, &inside).await
                    }
                });
                gate.has(1).await;
            }

            #[test]
            fn a_runtime_that_ends_without_waiting_leaves_nothing_and_the_pool_to_the_next() {
                let first = runtime();
                let world = first.block_on(open(NARROW));
                let gate = Gate::default();
                first.block_on(begin(&world.db, &gate, false));
                first.shutdown_background();
                let next = runtime();
                gate.open();
                assert_eq!(next.block_on(count(&world.db)).unwrap(), 0);
            }

            /// It waits for the threads of its blocking pool, so the statement has to be stopped.
            #[test]
            fn a_runtime_that_waits_for_its_threads_stops_a_statement_that_never_ends() {
                let first = runtime();
                let world = first.block_on(open(NARROW));
                let gate = Gate::opened();
                first.block_on(begin(&world.db, &gate, true));
                drop(first);
                let next = runtime();
                assert_eq!(next.block_on(count(&world.db)).unwrap(), 0);
            }
        }
    };
}

shut_down!(rusqlite);
shut_down!(postgres);
