//! Calls of every sort while connections keep failing in one way, for as long as one likes. Every
//! answer is true, nothing is applied twice or by half, and nothing is left behind. The breaker
//! never refuses a call, because the server is up all the time.
//!
//! `DBOP_TEST_SOAK_SECONDS` sets how long this takes, and `DBOP_TEST_SEED` seeds the random
//! numbers.

mod load;

use std::time::{Duration, Instant};

use dbop::{Db, DbBuilder};
use dbop_tests::proxy::{Failure, Place, Proxy};
use dbop_tests::{Fresh, GIVEN_UP, eventually, impatient, seed, setting};
use sqlx::{PgConnection, Postgres};
use tokio::time::{sleep, timeout};

use super::ask_whether_quiet;
use super::servers::ONE_AT_A_TIME;
use super::slots::{LONG_IDLE, all_can_be_used};
use load::{Load, TASKS};

/// How many connections each of the two pools has.
const SIZE: u32 = 12;
/// The deadline of a call, which is short so that a silent connection is noticed soon.
const DEADLINE: Duration = Duration::from_secs(1);
/// More messages than a call takes, so that a connection can fail at any of them.
const MESSAGES: usize = 300;

/// A fault that happens while calls run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A connection is cut at a random message.
    Cut,
    /// A connection falls silent at a random message.
    Silence,
    /// The server ends a session, or all of them.
    Termination,
    /// Callers go away at a random moment.
    Cancellation,
}

fn while_it_lasts() -> Duration {
    Duration::from_secs(setting("DBOP_TEST_SOAK_SECONDS").unwrap_or(3))
}

struct Site {
    fresh: Fresh<Postgres>,
    proxy: Proxy,
    outside: PgConnection,
    random: fastrand::Rng,
}

async fn soak(what: &str, faults: &[Fault]) {
    let _only_one = ONE_AT_A_TIME.lock().await;
    let (time, seed) = (while_it_lasts(), seed());
    let (fresh, url) = super::cuts::open().await;
    let mut site = Site {
        proxy: Proxy::before(&url).await,
        outside: dbop_tests::postgres::outside(&fresh).await,
        fresh,
        random: fastrand::Rng::with_seed(seed),
    };
    let builder: DbBuilder<Postgres> = Db::builder().url(&site.proxy.url).max_connections(SIZE);
    let builder = builder.timeout(DEADLINE).retry_budget(0.2, 1000.0);
    let db = impatient(builder).connect().await;
    let db = db.expect("the proxy's database");
    let load = Load::start(&db, seed, faults.contains(&Fault::Cancellation));
    eventually("the load has begun", async || load.ended() >= TASKS * 10).await;
    let begun = Instant::now();
    let injected = site.injects(faults, time).await;
    let told = timeout(GIVEN_UP * 3, load.ends()).await.expect("an end");
    site.proxy.let_server_notice();
    println!(
        "soak of {what}, {:?}: {injected} faults, {told}",
        begun.elapsed()
    );

    // The number of sessions does not matter here; it is checked below.
    site.is_quiet(u32::MAX).await;
    let wrong = told.wrong(&mut site.outside).await;
    println!(
        "soak of {what}, DBOP_TEST_SEED={seed}: {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    assert_eq!(
        told.refused_by_the_breaker(),
        0,
        "{what}: the server was up, but {told}"
    );
    assert!(told.succeeded() > 0, "{what}: {told}");
    let only_callers = faults == [Fault::Cancellation];
    assert!(injected > 0 || only_callers, "{what}: nothing has happened");
    // Silent connections that are idle for longer than this are tried before they are used.
    sleep(LONG_IDLE).await;
    all_can_be_used(&db, usize::try_from(SIZE).expect("small")).await;
    site.proxy.let_server_notice();
    let most = 2 * SIZE + site.fresh.pool().size();
    site.is_quiet(most).await;
    timeout(GIVEN_UP, db.close())
        .await
        .expect("the handle can be closed");
}

impl Site {
    /// Injects faults for this time. Returns how many connections have failed.
    async fn injects(&mut self, faults: &[Fault], time: Duration) -> u64 {
        let mut injected = 0;
        let begun = Instant::now();
        let mut next_silence = begun;
        while begun.elapsed() < time {
            // The proxy keeps what was sent until somebody asks for it, which no other code does
            // here.
            drop(self.proxy.take_sent());
            if faults.contains(&Fault::Silence) && next_silence <= Instant::now() {
                // Few connections fall silent at a time, because each of them takes a slot until it
                // is given up.
                next_silence = Instant::now() + Duration::from_millis(self.random.u64(200..600));
                self.proxy.let_server_notice();
                let silence = match self.random.bool() {
                    true => Failure::Swallow,
                    false => Failure::Freeze,
                };
                injected += u64::from(self.one_fails(silence).await);
            }
            if faults.contains(&Fault::Cut) {
                injected += u64::from(self.one_fails(Failure::Closed).await);
            }
            if faults.contains(&Fault::Termination) {
                let most = match self.random.u8(..) {
                    0..12 => 1_000,
                    _ => 1,
                };
                injected += self.terminate(most).await;
            }
            sleep(Duration::from_millis(self.random.u64(5..40))).await;
        }
        injected
    }

    /// Makes a connection fail at a random message. Returns whether a connection came to that
    /// message in time.
    async fn one_fails(&mut self, failure: Failure) -> bool {
        let place = match self.random.bool() {
            true => Place::Before,
            false => Place::After,
        };
        self.proxy
            .fail_at(self.random.usize(..MESSAGES), place, failure);
        let begun = Instant::now();
        while self.proxy.was_cut().is_none() && begun.elapsed() < Duration::from_secs(1) {
            sleep(Duration::from_millis(1)).await;
        }
        self.proxy.was_cut().is_some()
    }

    /// Ends up to `most` sessions of the load, whatever they are doing. Returns how many.
    async fn terminate(&mut self, most: i64) -> u64 {
        let pids = "SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND usename = 'hasty'
            ORDER BY random() LIMIT $1";
        let pids = sqlx::query_scalar::<_, i32>(pids).bind(most);
        let pids = pids.fetch_all(&mut self.outside).await;
        let pids = pids.expect("the sessions");
        let terminate = "SELECT pg_terminate_backend(pid) FROM unnest($1) AS pid";
        let terminate = sqlx::query(terminate).bind(&pids);
        let terminated = terminate.execute(&mut self.outside).await;
        terminated.expect("a superuser may");
        pids.len() as u64
    }

    /// Checks from outside that no transaction is open, no lock is held, and there are at most
    /// `most` sessions.
    async fn is_quiet(&mut self, most: u32) {
        let begun = Instant::now();
        while let Some(still) = ask_whether_quiet(&mut self.outside, most).await {
            assert!(begun.elapsed() < GIVEN_UP, "still there: {still}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Makes a soak of each row.
macro_rules! soaks {
    ($($name:ident: $what:literal, $faults:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            soak($what, &$faults).await;
        }
    )*};
}

soaks! {
    calls_whose_connections_are_cut_say_the_truth: "cuts", [Fault::Cut];
    calls_whose_connections_fall_silent_say_the_truth: "silence", [Fault::Silence];
    calls_whose_sessions_are_terminated_say_the_truth: "terminations", [Fault::Termination];
    calls_whose_callers_go_away_are_there_once_or_not_at_all:
        "cancellations", [Fault::Cancellation];
    calls_to_which_everything_happens_at_once_say_the_truth:
        "everything", [Fault::Cut, Fault::Silence, Fault::Termination, Fault::Cancellation];
}
