//! Sessions that end while they are idle in the pool. No call fails because it was given such a
//! session.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use dbop::{Conn, Db, ErrorKind, Outcome, Tx, db_op, metrics, transactional};
use dbop_tests::cluster::Cluster;
use dbop_tests::proxy::Proxy;
use dbop_tests::{Fresh, GIVEN_UP, Trouble, eventually, seed};
use futures_util::future::join_all;
use sqlx::{Connection, Executor, PgConnection, Postgres};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::slots::warm_up;

const SIZE: usize = 10;
const ROUNDS: u32 = 3;
const SCHEMA: &str = "CREATE TABLE notes (id BIGINT PRIMARY KEY)";

/// The number of tasks that call at the same time, and whether they pause between two calls.
#[derive(Clone, Copy)]
struct Crowd {
    tasks: u32,
    pauses: bool,
}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pauses = if self.pauses { "with" } else { "without" };
        write!(f, "{} tasks {pauses} pauses", self.tasks)
    }
}

fn crowds() -> impl Iterator<Item = Crowd> {
    let sizes = [1, 10, 40].into_iter();
    sizes.flat_map(|tasks| [false, true].map(|pauses| Crowd { tasks, pauses }))
}

impl Crowd {
    async fn pause(self, random: &mut fastrand::Rng) {
        if self.pauses {
            sleep(Duration::from_millis(random.u64(5..=50))).await;
        }
    }
}

/// The row that a call writes, if it writes, and whether the call's body has begun.
#[derive(Debug)]
struct Note {
    id: i64,
    begun: AtomicBool,
}

impl Note {
    fn next() -> Self {
        static NEXT: AtomicI64 = AtomicI64::new(0);
        Self {
            id: NEXT.fetch_add(1, SeqCst),
            begun: AtomicBool::new(false),
        }
    }

    async fn write(&self, tx: &mut Tx<'_, Postgres>) -> Result<(), Trouble> {
        self.begun.store(true, SeqCst);
        let insert = sqlx::query("INSERT INTO notes VALUES ($1)").bind(self.id);
        insert.execute(&mut *tx).await?;
        Ok(())
    }

    async fn read(&self, conn: &mut Conn<'_, Postgres>) -> Result<(), Trouble> {
        self.begun.store(true, SeqCst);
        let read = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM notes WHERE id = $1");
        read.bind(self.id).fetch_one(&mut *conn).await?;
        Ok(())
    }
}

// --- all of them are idle when they end -----------------------------------------------------------

#[transactional]
async fn writes(tx: &mut Tx<'_, Postgres>, note: &Note) -> Result<(), Trouble> {
    note.write(&mut *tx).await
}

/// Makes one attempt only.
#[transactional(retry = never)]
async fn writes_at_once(tx: &mut Tx<'_, Postgres>, note: &Note) -> Result<(), Trouble> {
    note.write(&mut *tx).await
}

#[db_op(read_only)]
async fn reads(conn: &mut Conn<'_, Postgres>, note: &Note) -> Result<(), Trouble> {
    note.read(&mut *conn).await
}

/// Makes calls of each sort, none of which may fail.
async fn none_fails(db: &Db<Postgres>, crowd: Crowd, seed: u64) {
    let task = async |task: u32| {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_add(task.into()));
        for nth in task..task + 6 {
            let note = Note::next();
            let told = match nth % 3 {
                0 => writes_at_once(db, &note).await,
                1 => reads(db, &note).await,
                _ => writes(db, &note).await,
            };
            told.unwrap_or_else(|error| {
                panic!("{crowd:?}, call {} of task {task}: {error}", nth - task)
            });
            crowd.pause(&mut random).await;
        }
    };
    let all = join_all((0..crowd.tasks).map(task));
    let ended = timeout(GIVEN_UP, all).await;
    ended.unwrap_or_else(|_| panic!("{crowd:?}: calls hang"));
}

/// Checks that the sessions that were found dead have cost no call an attempt.
fn nothing_was_retried() {
    let writing = metrics().into_iter().filter(|op| op.file == file!());
    let retries: Vec<_> = writing
        .filter(|op| op.name == "writes")
        .map(|op| op.retries)
        .collect();
    assert_eq!(retries, [0]);
}

async fn wide(url: &str) -> Db<Postgres> {
    let size = u32::try_from(SIZE).expect("small");
    let db = Db::builder().url(url).max_connections(size).connect().await;
    db.expect("the database")
}

/// Opens a new database. Returns it together with the URL for a role of its own.
async fn open() -> (Fresh<Postgres>, String) {
    let (fresh, url) = super::cuts::open().await;
    let grant = "GRANT ALL ON notes TO hasty";
    for sql in [SCHEMA, grant] {
        fresh.pool().execute(sql).await.expect("the schema");
    }
    (fresh, url)
}

/// Ends every session of that role that has been used before, and waits until they are gone.
/// Sessions that were just opened are spared: losing one costs the call that opened it an attempt.
async fn terminate(outside: &Mutex<PgConnection>) {
    let pids = "SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'hasty'
        AND query <> '' AND NOT (state = 'active' AND query LIKE 'BEGIN%')";
    let pids = sqlx::query_scalar::<_, i32>(pids);
    let pids = pids.fetch_all(&mut *outside.lock().await).await;
    let pids = pids.expect("the sessions");
    let terminate = "SELECT pg_terminate_backend(pid) FROM unnest($1) AS pid";
    let terminate = sqlx::query(terminate).bind(&pids);
    let terminated = terminate.execute(&mut *outside.lock().await).await;
    terminated.expect("a superuser may");
    eventually("the sessions are gone", async || {
        let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)";
        let left = sqlx::query_scalar::<_, i64>(left).bind(&pids);
        left.fetch_one(&mut *outside.lock().await).await.unwrap() == 0
    })
    .await;
}

#[tokio::test]
async fn after_idle_sessions_were_terminated_no_call_fails_and_none_needs_another_attempt() {
    let seed = seed();
    let (fresh, url) = open().await;
    let outside = Mutex::new(dbop_tests::postgres::outside(&fresh).await);
    for crowd in crowds() {
        let db = wide(&url).await;
        for round in 0..ROUNDS {
            warm_up(&db, SIZE).await;
            terminate(&outside).await;
            none_fails(&db, crowd, seed.wrapping_add(round.into())).await;
        }
        db.close().await;
    }
    nothing_was_retried();
}

#[tokio::test]
async fn behind_a_pooler_that_closes_what_idles_no_call_fails_and_none_needs_another_attempt() {
    let seed = seed();
    let (_fresh, url) = open().await;
    for crowd in crowds() {
        let proxy = Proxy::before(&url).await;
        let db = wide(&proxy.url).await;
        for round in 0..ROUNDS {
            warm_up(&db, SIZE).await;
            proxy.close_idle_after(Duration::from_millis(25));
            eventually("all are closed", async || proxy.open() == 0).await;
            // Otherwise the proxy would also close sessions between two calls, and a read would
            // notice that only after it has begun.
            proxy.close_idle_after(None);
            none_fails(&db, crowd, seed.wrapping_add(round.into())).await;
        }
        db.close().await;
    }
    nothing_was_retried();
}

#[tokio::test]
async fn after_the_server_was_restarted_no_call_fails_and_none_needs_another_attempt() {
    let seed = seed();
    let mut cluster = Cluster::start(&[]).await;
    let mut outside = PgConnection::connect(&cluster.url).await.unwrap();
    outside.execute(SCHEMA).await.unwrap();
    for crowd in crowds() {
        let db = wide(&cluster.url).await;
        warm_up(&db, SIZE).await;
        cluster.stop_at_once().await;
        cluster.restart().await;
        none_fails(&db, crowd, seed).await;
        db.close().await;
    }
    nothing_was_retried();
}

// --- they end while calls run ---------------------------------------------------------------------

#[transactional]
async fn goes_on_writing(tx: &mut Tx<'_, Postgres>, note: &Note) -> Result<(), Trouble> {
    note.write(&mut *tx).await
}

#[transactional(retry = never)]
async fn goes_on_writing_at_once(tx: &mut Tx<'_, Postgres>, note: &Note) -> Result<(), Trouble> {
    note.write(&mut *tx).await
}

#[db_op(read_only)]
async fn goes_on_reading(conn: &mut Conn<'_, Postgres>, note: &Note) -> Result<(), Trouble> {
    note.read(&mut *conn).await
}

/// What all tasks were told.
#[derive(Debug, Default)]
struct Told {
    /// How many calls have ended.
    calls: AtomicU64,
    applied: std::sync::Mutex<HashSet<i64>>,
    rolled_back: std::sync::Mutex<HashSet<i64>>,
    /// Errors of calls that failed before their body had begun, or that were refused by the
    /// breaker.
    wrong: std::sync::Mutex<Vec<String>>,
    /// How many calls failed, for any reason: also in their body with no attempt left, or with an
    /// unknown effect.
    failed: AtomicU64,
}

impl Told {
    fn hears(&self, note: &Note, writes: bool, told: Result<(), Trouble>) {
        self.calls.fetch_add(1, SeqCst);
        let Err(error) = told else {
            if writes {
                self.applied.lock().unwrap().insert(note.id);
            }
            return;
        };
        let error = error.database();
        if error.outcome().unwrap() == Outcome::RolledBack {
            self.rolled_back.lock().unwrap().insert(note.id);
        }
        self.failed.fetch_add(1, SeqCst);
        if error.kind() == ErrorKind::CircuitOpen || !note.begun.load(SeqCst) {
            self.wrong.lock().unwrap().push(error.to_string());
        }
    }

    /// Waits until `calls` more calls have ended.
    async fn goes_on(&self, calls: u64) {
        let enough = self.calls.load(SeqCst) + calls;
        eventually("calls end", async || self.calls.load(SeqCst) >= enough).await;
    }

    async fn is_true(&self, fresh: &Fresh<Postgres>) {
        let stored = sqlx::query_scalar::<_, i64>("SELECT id FROM notes");
        let stored = stored.fetch_all(fresh.pool()).await.expect("the notes");
        let stored: HashSet<_> = stored.into_iter().collect();
        let applied = self.applied.lock().unwrap();
        assert!(applied.is_subset(&stored), "what was applied is lost");
        let undone = self.rolled_back.lock().unwrap();
        assert!(undone.is_disjoint(&stored), "what was undone is there");
    }
}

async fn go_on(db: Db<Postgres>, crowd: Crowd, seed: u64, told: Arc<Told>, stop: Arc<AtomicBool>) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !stop.load(SeqCst) {
        let note = Note::next();
        let sort = random.u8(0..3);
        let call = async {
            match sort {
                0 => goes_on_writing_at_once(&db, &note).await,
                1 => goes_on_reading(&db, &note).await,
                _ => goes_on_writing(&db, &note).await,
            }
        };
        let ended = timeout(GIVEN_UP, call).await.expect("a call hangs");
        told.hears(&note, sort != 1, ended);
        crowd.pause(&mut random).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_all_sessions_are_terminated_again_and_again_no_call_fails_before_its_body() {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let (fresh, url) = open().await;
    let outside = Mutex::new(dbop_tests::postgres::outside(&fresh).await);
    for crowd in crowds() {
        let db = wide(&url).await;
        warm_up(&db, SIZE).await;
        let (told, stop) = (Arc::<Told>::default(), Arc::<AtomicBool>::default());
        let task = |_| {
            let (told, stop) = (Arc::clone(&told), Arc::clone(&stop));
            tokio::spawn(go_on(db.clone(), crowd, random.u64(..), told, stop))
        };
        let tasks: Vec<_> = (0..crowd.tasks).map(task).collect();
        for _ in 0..8 {
            told.goes_on(u64::from(crowd.tasks) * 3).await;
            terminate(&outside).await;
        }
        told.goes_on(u64::from(crowd.tasks) * 3).await;
        stop.store(true, SeqCst);
        for task in tasks {
            task.await.expect("no call hangs");
        }
        let (calls, failed) = (told.calls.load(SeqCst), told.failed.load(SeqCst));
        println!("{crowd:?}: {calls} calls, {failed} failed");
        let wrong = told.wrong.lock().unwrap().clone();
        assert!(
            wrong.is_empty(),
            "{crowd:?}: {} of {calls} calls failed before their body began: {:#?}",
            wrong.len(),
            &wrong[..wrong.len().min(5)]
        );
        told.is_true(&fresh).await;
        db.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_pooler_closes_what_idles_no_transaction_fails() {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let (fresh, url) = open().await;
    let mut closed = 0;
    for tasks in [1, 10, 40] {
        let crowd = Crowd {
            tasks,
            pauses: true,
        };
        let proxy = Proxy::before(&url).await;
        let db = wide(&proxy.url).await;
        warm_up(&db, SIZE).await;
        // This is as long as the pauses, so that sessions end at every moment between two calls.
        proxy.close_idle_after(Duration::from_millis(25));
        let (told, stop) = (Arc::<Told>::default(), Arc::<AtomicBool>::default());
        let task = |_| {
            let mut random = fastrand::Rng::with_seed(random.u64(..));
            let (db, told, stop) = (db.clone(), Arc::clone(&told), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    let note = Note::next();
                    let call = timeout(GIVEN_UP, goes_on_writing_at_once(&db, &note));
                    told.hears(&note, true, call.await.expect("a call hangs"));
                    crowd.pause(&mut random).await;
                }
            })
        };
        let all: Vec<_> = (0..tasks).map(task).collect();
        let accepted = proxy.accepted();
        told.goes_on(u64::from(tasks) * 20).await;
        stop.store(true, SeqCst);
        for task in all {
            task.await.expect("no call hangs");
        }
        let (calls, replaced) = (told.calls.load(SeqCst), proxy.accepted() - accepted);
        println!("{crowd:?}: {calls} calls, {replaced} sessions were replaced");
        closed += replaced;
        // A pooler never closes a session in a transaction.
        let failed = told.failed.load(SeqCst);
        let wrong = told.wrong.lock().unwrap().clone();
        assert_eq!(failed, 0, "{crowd:?}, {calls} calls: {wrong:#?}");
        told.is_true(&fresh).await;
        db.close().await;
    }
    assert!(closed > 0, "no session was closed between two calls");
}
