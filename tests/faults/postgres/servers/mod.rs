//! A server that fails under load: no money appears or is lost, every answer is true, no call
//! outlasts its deadline, and afterwards everything works again.

mod bank;
mod discarded;
mod ended;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use dbop::{Db, DbBuilder};
use dbop_tests::cluster::{Cluster, signal};
use dbop_tests::proxy::Proxy;
use dbop_tests::{seed, setting};
use sqlx::{Connection, Executor, PgConnection, Postgres};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

use bank::{Load, TASKS, TIMEOUT, Told};

/// Lets one of these tests run at a time, because two loads at once would slow each other down.
pub(crate) static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// How long to wait for a fault that calls do not notice every time.
fn patience() -> Duration {
    while_it_lasts() + Duration::from_secs(30)
}

/// How long faults go on.
fn while_it_lasts() -> Duration {
    setting("DBOP_TEST_SOAK_SECONDS").map_or(Duration::from_millis(1500), Duration::from_secs)
}

/// A server of the test's own, with a bank on it.
struct Site {
    cluster: Cluster,
    _only_one: MutexGuard<'static, ()>,
}

impl Site {
    async fn open(settings: &[&str]) -> Self {
        let only_one = ONE_AT_A_TIME.lock().await;
        let cluster = Cluster::start(settings).await;
        bank::open(&cluster.url).await;
        Self {
            cluster,
            _only_one: only_one,
        }
    }

    fn url(&self) -> &str {
        &self.cluster.url
    }

    async fn outside(&self) -> PgConnection {
        let conn = PgConnection::connect(self.url()).await;
        conn.expect("the server takes another connection")
    }

    /// Opens a handle to the server by way of `url`, and starts a load on it.
    async fn load(&self, url: &str) -> (Db<Postgres>, Load) {
        self.load_with(url, |builder| builder).await
    }

    async fn load_with(
        &self,
        url: &str,
        configure: fn(DbBuilder<Postgres>) -> DbBuilder<Postgres>,
    ) -> (Db<Postgres>, Load) {
        let builder = configure(Db::builder().url(url).max_connections(8));
        let db = builder.connect().await.expect("the server");
        let load = Load::start(&db, seed());
        load.goes_on().await;
        (db, load)
    }

    /// Checks that calls succeed again after the fault, and that everything reported is true.
    async fn recovers(&self, db: Db<Postgres>, load: Load) -> Told {
        load.goes_on().await;
        let told = load.ends().await;
        told.is_true(self.url()).await;
        db.close().await;
        told
    }
}

/// Selects the process ID of a session that is in a transaction.
const SOMEBODY_BUSY: &str = "SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND state IN ('active', 'idle in transaction') ORDER BY random() LIMIT 1";

async fn somebody_busy(conn: &mut PgConnection) -> String {
    loop {
        let somebody = sqlx::query_scalar::<_, i32>(SOMEBODY_BUSY);
        let somebody = somebody.persistent(false).fetch_optional(&mut *conn).await;
        if let Some(pid) = somebody.expect("the server's sessions") {
            return pid.to_string();
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn terminate(conn: &mut PgConnection, pid: &str) {
    let terminate = format!("SELECT pg_terminate_backend({pid})");
    let terminate = sqlx::AssertSqlSafe(terminate);
    conn.execute(terminate).await.expect("a superuser may");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_terminated_again_and_again_lose_and_double_nothing() {
    let site = Site::open(&[]).await;
    let (db, load) = site.load(site.url()).await;
    let mut outside = site.outside().await;
    let (begun, mut ended) = (Instant::now(), 0);
    while begun.elapsed() < while_it_lasts() {
        let somebody = somebody_busy(&mut outside).await;
        terminate(&mut outside, &somebody).await;
        ended += 1;
        sleep(Duration::from_millis(15)).await;
    }
    println!("{ended} sessions were terminated");
    let told = site.recovers(db, load).await;
    assert!(!told.applied.is_empty() && ended > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_session_takes_all_down_and_what_was_said_still_holds() {
    let site = Site::open(&[]).await;
    let (db, load) = site.load(site.url()).await;
    let begun = Instant::now();
    while begun.elapsed() < while_it_lasts() {
        let mut outside = site.outside().await;
        signal("KILL", &somebody_busy(&mut outside).await);
        // The server ends every session together with the killed one, and accepts connections again
        // once it has recovered.
        while outside.execute("SELECT 1").await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
        load.goes_on().await;
    }
    site.recovers(db, load).await;
    assert!(site.cluster.log().contains("terminated by signal 9"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stopped_at_once_and_started_again_has_what_it_said() {
    let mut site = Site::open(&[]).await;
    let url = site.url().to_owned();
    let (db, load) = site.load(&url).await;
    let begun = Instant::now();
    while begun.elapsed() < while_it_lasts() {
        site.cluster.stop_at_once().await;
        site.cluster.restart().await;
        load.goes_on().await;
    }
    site.recovers(db, load).await;
    assert!(site.cluster.log().contains("immediate shutdown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_server_that_refuses_them_fail_in_time_and_later_succeed() {
    let mut site = Site::open(&[]).await;
    let url = site.url().to_owned();
    let (db, load) = site.load(&url).await;
    site.cluster.stop_at_once().await;
    let failed = load.counts.failed.load(SeqCst);
    let begun = Instant::now();
    let enough = failed + u64::from(TASKS);
    while begun.elapsed() < while_it_lasts() || load.counts.failed.load(SeqCst) < enough {
        assert!(
            begun.elapsed() < patience(),
            "calls wait for who refuses them"
        );
        sleep(Duration::from_millis(5)).await;
    }
    site.cluster.restart().await;
    site.recovers(db, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_not_asked_more_often_than_the_budget_allows() {
    const A_SECOND: u32 = 2;
    let mut site = Site::open(&[]).await;
    let proxy = Proxy::before(site.url()).await;
    let configure = |builder: DbBuilder<Postgres>| {
        // With a breaker, the handle would ask the server even less often.
        builder
            .retry_budget(0.0, f64::from(A_SECOND))
            .circuit_breaker(None)
    };
    let (db, load) = site.load_with(&proxy.url, configure).await;
    site.cluster.stop_at_once().await;
    let count = || (load.counts.begun.load(SeqCst), u64::from(proxy.accepted()));
    let (begun, (calls, connections)) = (Instant::now(), count());
    sleep(while_it_lasts()).await;
    let (calls, connections) = {
        let now = count();
        (now.0 - calls, now.1 - connections)
    };
    let seconds = begun.elapsed().as_secs() + 1;
    // The calls may open one connection each, those under way included. The budget allows for the
    // ten seconds' worth that it holds and what it is given meanwhile. In addition, the server is
    // asked once a second why there is no connection.
    let retries = u64::from(A_SECOND) * (10 + seconds);
    let most = calls + u64::from(TASKS) + retries + seconds;
    println!("{calls} calls opened {connections} connections, {most} allowed");
    assert!(
        connections <= most,
        "{connections} connections, {most} allowed"
    );
    assert!(connections > 0, "nobody has tried");
    site.cluster.restart().await;
    site.recovers(db, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_stands_still_holds_up_no_call_past_its_deadline() {
    let site = Site::open(&[]).await;
    let (db, load) = site.load(site.url()).await;
    let mut outside = site.outside().await;
    let begun = Instant::now();
    // A session that has just committed is in nobody's way, so a single stop may go unnoticed.
    let noticed = || load.counts.failed.load(SeqCst) > 0;
    while begun.elapsed() < while_it_lasts() || !noticed() {
        assert!(begun.elapsed() < patience(), "nobody noticed");
        let somebody = somebody_busy(&mut outside).await;
        signal("STOP", &somebody);
        // The session holds row locks, and perhaps locks of the server itself, so every call may be
        // held up.
        sleep(TIMEOUT + TIMEOUT / 4).await;
        signal("CONT", &somebody);
        load.goes_on().await;
    }
    site.recovers(db, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_larger_than_the_server_allows_works_with_what_there_is_and_later_grows() {
    let site = Site::open(&["max_connections=10"]).await;
    // The other sessions leave two connections free, and the load's pool has room for eight.
    let mut others = Vec::new();
    while others.len() < 8 {
        others.push(site.outside().await);
    }
    let (db, load) = site.load(site.url()).await;
    sleep(while_it_lasts()).await;
    drop(others);
    let told = site.recovers(db, load).await;
    // The two connections of the pool work, so the breaker never opens.
    assert_eq!(told.failures.get("circuit_open"), None, "{told:?}");
    assert!(site.cluster.log().contains("too many clients"));
}
