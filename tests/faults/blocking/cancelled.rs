//! Callers that go away at any moment, with each driver and a pool of one connection.

use std::time::Duration;

use dbop_tests::seed;
use tokio::time::timeout;

/// How many calls are dropped with each driver.
const ROUNDS: i64 = 150;

/// Each call writes two rows with a number of its own. It is dropped after a random time, which may
/// be zero, or after a few polls. Whatever became of the call, the next caller is served and finds
/// nothing that is half done.
macro_rules! cancelled {
    ($driver:ident) => {
        mod $driver {
            use dbop::{db_op, transactional};
            use dbop_tests::blocking::$driver::{Session, World, exec, number, open};

            use super::*;

            #[transactional]
            fn two_rows(conn: &mut Session, n: i64) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                number(conn, "SELECT count(*) FROM notes")?;
                exec(conn, &format!("INSERT INTO notes VALUES (-{n}, {n})"))
            }

            #[db_op]
            fn one_statement(conn: &mut Session, n: i64) -> dbop::Result<()> {
                exec(
                    conn,
                    &format!("INSERT INTO notes VALUES ({n}, {n}), (-{n}, {n})"),
                )
            }

            #[db_op(read_only)]
            fn reads(conn: &mut Session) -> dbop::Result<i64> {
                number(conn, "SELECT count(*) FROM notes")
            }

            async fn drops(
                world: &World,
                call: impl AsyncFn(&World, i64) -> dbop::Result<()>,
            ) {
                let mut random = fastrand::Rng::with_seed(seed());
                let mut ended = [0; 3];
                // The time is as long as a call takes, or somewhat longer.
                let begun = std::time::Instant::now();
                call(world, 1_000_000).await.unwrap();
                call(world, 1_000_001).await.unwrap();
                let most = begun.elapsed().as_secs_f64();
                for n in 1..=ROUNDS {
                    let wait = Duration::from_secs_f64(most * random.f64());
                    let output = if n % 5 == 0 {
                        let polls = random.u32(1..4);
                        let polled = dbop_tests::poll_at_most(polls, call(world, n));
                        timeout(wait, polled).await.ok().flatten()
                    } else {
                        timeout(wait, call(world, n)).await.ok()
                    };
                    let next = timeout(Duration::from_secs(20), reads(world));
                    let next = next.await.expect("the next caller is served");
                    next.unwrap_or_else(|error| panic!("after {wait:?}: {error}"));
                    let rows = world.rows(n).await;
                    match output {
                        Some(Ok(())) => assert_eq!(rows, 2, "the call said `Ok`"),
                        Some(Err(error)) => panic!("after {wait:?}: {error}"),
                        None => assert!(rows == 0 || rows == 2, "{rows} after {wait:?}"),
                    }
                    let state = match (output.is_some(), rows) {
                        (true, _) => 2,
                        (false, 0) => 0,
                        (false, _) => 1,
                    };
                    ended[state] += 1;
                }
                println!("nothing, all, answered: {ended:?}");
                assert!(ended[0] > 0, "none was dropped early: {ended:?}");
                // Nothing was written after the first look.
                let all = "SELECT count(*) FROM (SELECT n FROM notes GROUP BY n HAVING count(*) <> 2) x";
                assert_eq!(world.seen(all).await, 0);
            }

            #[tokio::test]
            async fn a_transaction_dropped_at_any_moment_is_all_there_or_not_at_all() {
                let world = open(|builder| builder.max_connections(1)).await;
                drops(&world, async |world, n| two_rows(world, n).await).await;
            }

            #[tokio::test]
            async fn an_operation_of_one_statement_dropped_at_any_moment_is_all_there_or_not_at_all() {
                let world = open(|builder| builder.max_connections(1)).await;
                drops(&world, async |world, n| one_statement(world, n).await).await;
            }
        }
    };
}

cancelled!(rusqlite);
cancelled!(diesel);
cancelled!(postgres);
