//! Statements that do not end, and what an interrupt stops.

use std::time::Duration;

use dbop_tests::blocking::Gate;
use dbop_tests::seed;
use tokio::time::timeout;

/// Far longer than an interrupt takes on a busy machine, and far shorter than the statement.
const SOON: Duration = Duration::from_secs(10);

macro_rules! interrupts {
    ($driver:ident, $of_rows:literal) => {
        mod $driver {
            use dbop::{ErrorKind, Outcome, db_op, transactional};
            use dbop_tests::blocking::$driver::{ENDLESS, Session, World, exec, number, open};

            use super::*;

            #[transactional]
            fn in_a_transaction(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<i64> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                gate.pass();
                number(conn, ENDLESS)
            }

            #[db_op(read_only)]
            fn in_a_reading_operation(conn: &mut Session, gate: &Gate) -> dbop::Result<i64> {
                gate.pass();
                number(conn, ENDLESS)
            }

            /// Tries again after the first error.
            #[transactional]
            #[dbop::allow(swallowed_error, reason = "that it goes on is what is tested")]
            fn stubborn(conn: &mut Session, n: i64, gate: &Gate) -> dbop::Result<i64> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                gate.pass();
                drop(number(conn, ENDLESS));
                drop(number(conn, ENDLESS));
                number(conn, ENDLESS)
            }

            #[transactional(timeout = "300ms")]
            fn hurried(conn: &mut Session, n: i64) -> dbop::Result<i64> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                number(conn, ENDLESS)
            }

            #[db_op]
            fn next(conn: &mut Session, n: i64) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                number(conn, &format!($of_rows, 500)).map(drop)
            }

            async fn narrow() -> World {
                open(|builder| builder.max_connections(1)).await
            }

            async fn is_free_soon(world: &World, n: i64) {
                let next = timeout(SOON, next(world, n)).await;
                next.expect("the statement runs on").unwrap();
                assert_eq!((world.rows(1).await, world.rows(n).await), (0, 1));
            }

            #[tokio::test]
            async fn a_statement_whose_caller_went_away_ends_soon() {
                let world = narrow().await;
                let gate = Gate::opened();
                tokio::select! {
                    ended = in_a_transaction(&world, 1, &gate) => panic!("{ended:?}"),
                    () = gate.has(1) => {}
                }
                is_free_soon(&world, 2).await;
                tokio::select! {
                    ended = in_a_reading_operation(&world, &gate) => panic!("{ended:?}"),
                    () = gate.has(2) => {}
                }
                is_free_soon(&world, 3).await;
            }

            /// An interrupt does nothing while no statement runs.
            #[tokio::test]
            async fn a_statement_that_begins_after_its_caller_went_away_ends_soon() {
                let world = narrow().await;
                for n in 2..5 {
                    let gate = Gate::default();
                    tokio::select! {
                        ended = in_a_transaction(&world, 1, &gate) => panic!("{ended:?}"),
                        () = gate.has(1) => {}
                    }
                    gate.open();
                    is_free_soon(&world, n).await;
                }
            }

            #[tokio::test]
            async fn a_body_that_goes_on_after_an_interrupt_is_interrupted_again() {
                let world = narrow().await;
                let gate = Gate::opened();
                tokio::select! {
                    ended = stubborn(&world, 1, &gate) => panic!("{ended:?}"),
                    () = gate.has(1) => {}
                }
                is_free_soon(&world, 2).await;
            }

            #[tokio::test]
            async fn a_statement_is_stopped_at_the_deadline() {
                let world = narrow().await;
                let error = hurried(&world, 1).await.unwrap_err();
                assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
                assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
                is_free_soon(&world, 2).await;
            }

            #[transactional]
            fn of_rows(conn: &mut Session, rows: i64) -> dbop::Result<i64> {
                number(conn, &format!($of_rows, rows))
            }

            /// The statements take a random time, so that some end just when they are interrupted.
            #[tokio::test]
            async fn an_interrupt_never_hits_the_next_borrower() {
                let world = narrow().await;
                let mut random = fastrand::Rng::with_seed(seed());
                let mut dropped = 0;
                for n in 10..260 {
                    let wait = Duration::from_micros(random.u64(0..4000));
                    let call = of_rows(&world, random.i64(100..40_000));
                    dropped += u32::from(timeout(wait, call).await.is_err());
                    next(&world, n).await.unwrap();
                }
                assert!(dropped > 20, "{dropped}");
            }
        }
    };
}

interrupts!(
    rusqlite,
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {})
        SELECT count(*) FROM c"
);
interrupts!(postgres, "SELECT count(*) FROM generate_series(1, {}) AS s");
