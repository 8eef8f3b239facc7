//! SQLite: the lock of another process, with drivers that wait for the lock themselves and with
//! drivers that do not.

use std::time::Duration;

use dbop_tests::blocking::Gate;

macro_rules! locked {
    ($driver:ident) => {
        mod $driver {
            use dbop::{ErrorKind, Outcome, transactional};
            use dbop_tests::blocking::$driver::{Session, World, exec, open};
            use sqlx::{Connection, Executor, SqliteConnection};

            use super::*;

            async fn lock(world: &World) -> SqliteConnection {
                let mut other = SqliteConnection::connect(&world.fresh.url).await.unwrap();
                other.execute("BEGIN IMMEDIATE").await.unwrap();
                other
            }

            #[transactional]
            fn add(conn: &mut Session, n: i64) -> dbop::Result<()> {
                exec(conn, "PRAGMA busy_timeout = 0")?;
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
            }

            #[transactional(retry = never)]
            fn never_retried(conn: &mut Session, n: i64) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
            }

            #[transactional(timeout = "300ms", retry = never)]
            fn hurried(conn: &mut Session, n: i64, runs: Gate) -> dbop::Result<()> {
                runs.pass();
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
            }

            /// Waiting for another process's lock does not count as a retry.
            #[tokio::test]
            async fn every_call_waits_for_anothers_lock_also_one_that_is_never_retried() {
                let world = open(|builder| builder.max_connections(1)).await;
                add(&world, 1).await.unwrap();
                let mut other = lock(&world).await;
                let waiting = async { (never_retried(&world, 2).await, add(&world, 3).await) };
                let holder = async {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    assert_eq!(world.rows(2).await, 0);
                    other.execute("COMMIT").await.unwrap();
                };
                let ((never, retried), ()) = tokio::join!(waiting, holder);
                never.unwrap();
                retried.unwrap();
                assert_eq!((world.rows(2).await, world.rows(3).await), (1, 1));
            }

            #[tokio::test]
            async fn a_lock_that_stays_ends_the_call_at_its_deadline_and_the_body_never_runs() {
                let world = open(|builder| builder.max_connections(1)).await;
                let mut other = lock(&world).await;
                let runs = Gate::opened();
                let error = hurried(&world, 1, runs.clone()).await.unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::Lock | ErrorKind::Timeout),
                    "{error}"
                );
                assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
                other.execute("COMMIT").await.unwrap();
                never_retried(&world, 2).await.unwrap();
                assert_eq!((runs.arrived(), world.rows(1).await), (0, 0));
            }

            #[tokio::test]
            async fn callers_that_write_take_turns_and_say_so_when_theirs_does_not_come() {
                let world = open(|builder| builder.max_connections(3)).await;
                let gate = Gate::default();
                #[transactional]
                fn holds(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<()> {
                    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                    gate.pass();
                    Ok(())
                }
                #[dbop::db_op(read_only)]
                fn reads(conn: &mut Session) -> dbop::Result<()> {
                    exec(conn, "SELECT * FROM notes")
                }
                let waiter = async {
                    gate.has(1).await;
                    reads(&world).await.unwrap();
                    let error = hurried(&world, 1, Gate::opened()).await.unwrap_err();
                    gate.open();
                    assert_eq!(error.kind(), ErrorKind::PoolExhausted, "{error}");
                    assert!(error.to_string().contains("the one connection that writes"));
                };
                let (held, ()) = tokio::join!(holds(&world, 2, &gate), waiter);
                held.unwrap();
                assert_eq!((world.rows(1).await, world.rows(2).await), (0, 1));
            }

            /// Without a write-ahead log, a reader keeps others from committing.
            #[tokio::test]
            async fn a_commit_that_is_refused_for_a_reader_is_replayed() {
                let world = open(|builder| builder.max_connections(1)).await;
                let pool = world.fresh.pool().clone();
                pool.execute("PRAGMA journal_mode = DELETE").await.unwrap();
                add(&world, 1).await.unwrap();
                let mut reader = SqliteConnection::connect(&world.fresh.url).await.unwrap();
                reader.execute("BEGIN; SELECT * FROM notes").await.unwrap();
                let runs = Gate::opened();
                #[transactional]
                fn counts(conn: &mut Session, n: i64, runs: &Gate) -> dbop::Result<()> {
                    exec(conn, "PRAGMA busy_timeout = 0")?;
                    runs.pass();
                    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
                }
                let ender = async {
                    runs.has(2).await;
                    reader.execute("COMMIT").await.unwrap();
                };
                let (ended, ()) = tokio::join!(counts(&world, 2, &runs), ender);
                ended.unwrap();
                assert!(runs.arrived() >= 2);
                assert_eq!(world.rows(2).await, 1);
            }
        }
    };
}

locked!(rusqlite);
locked!(diesel);
