//! What a caller is told at its deadline is true, however close the deadline is to the COMMIT.

use std::time::{Duration, Instant};

use dbop::Outcome;
use dbop_tests::seed;

const ROUNDS: i64 = 150;

macro_rules! races {
    ($driver:ident) => {
        mod $driver {
            use dbop::transactional;
            use dbop_tests::blocking::$driver::{Session, exec, open};

            use super::*;

            #[transactional(timeout = "60ms")]
            fn until(conn: &mut Session, n: i64, ends: Instant) -> dbop::Result<()> {
                exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
                // A sleep would be too coarse, because the body is to end close to the deadline.
                while Instant::now() < ends {
                    std::hint::spin_loop();
                }
                Ok(())
            }

            #[transactional]
            fn settles(conn: &mut Session) -> dbop::Result<()> {
                exec(conn, "INSERT INTO notes SELECT min(id) - 1, -1 FROM notes")
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn told_rolled_back_it_is_not_there_and_told_ok_it_is() {
                let world = open(|builder| builder.max_connections(2)).await;
                world.run("INSERT INTO notes VALUES (0, -1)").await;
                settles(&world).await.unwrap();
                let mut random = fastrand::Rng::with_seed(seed());
                let mut told = [0; 3];
                for n in 1..=ROUNDS {
                    // The range goes far enough beyond the deadline that some calls meet it on any
                    // machine.
                    let before = Duration::from_micros(random.u64(54_000..68_000));
                    let ended = until(&world, n, Instant::now() + before).await;
                    let (index, allowed): (usize, &[i64]) = match &ended {
                        Ok(()) => (0, &[1]),
                        Err(error) if error.outcome().unwrap() == Outcome::RolledBack => (1, &[0]),
                        Err(_) => (2, &[0, 1]),
                    };
                    told[index] += 1;
                    // A caller who is told this may look at the table at once.
                    let rows = world.rows(n).await;
                    assert!(allowed.contains(&rows), "{rows} rows, and {ended:?}");
                }
                println!("ok, rolled back, unknown: {told:?}");
                assert!(told[1] > 0, "{told:?}");
                // Nothing was written after the first look.
                for _ in 0..2 {
                    settles(&world).await.unwrap();
                }
                let there = "SELECT count(*) FROM notes WHERE n > 0";
                let there = world.seen(there).await;
                assert!(
                    (told[0]..=told[0] + told[2]).contains(&there),
                    "{there}, and {told:?}"
                );
            }
        }
    };
}

races!(rusqlite);
races!(diesel);
races!(postgres);
