//! How many jobs of a key run at once, and how many begin in a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use dbop::job;
use dbop::jobs::{Job, JobFilter};

use super::super::notes::notes;
use super::*;

/// Counts the bodies that run at once, for each key.
#[derive(Debug, Default)]
struct Crowd {
    now: Mutex<BTreeMap<String, usize>>,
    most: Mutex<BTreeMap<String, usize>>,
}

/// Counts a body until it is dropped.
struct Present<'a>(&'a Crowd, String);

impl Crowd {
    fn enter(&self, key: &str) -> Present<'_> {
        let mut now = self.now.lock().unwrap();
        let count = now.entry(key.to_owned()).or_default();
        *count += 1;
        let mut most = self.most.lock().unwrap();
        let most = most.entry(key.to_owned()).or_default();
        *most = (*most).max(*count);
        Present(self, key.to_owned())
    }

    fn most(&self, key: &str) -> usize {
        self.most.lock().unwrap().get(key).copied().unwrap_or(0)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        *self.0.now.lock().unwrap().get_mut(&self.1).unwrap() -= 1;
    }
}

async fn crowds(job: &Job<Database>, crowd: &Crowd, key: &str) -> Result<(), Trouble> {
    let _present = crowd.enter(key);
    for _ in 0..3 {
        notes(job.db()).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[job(concurrency(limit = 1))]
async fn one_of_kind(job: &Job<Database>, crowd: &Crowd, at: i64) -> Result<(), Trouble> {
    let _ = at;
    crowds(job, crowd, "").await
}

#[job(concurrency(limit = 3, key = customer))]
async fn three_of_key(job: &Job<Database>, crowd: &Crowd, customer: String) -> Result<(), Trouble> {
    crowds(job, crowd, &customer).await
}

/// Waits until so many jobs are in this state.
async fn count_is(db: &Db<Database>, kind: &str, state: JobState, count: usize) {
    let filter = JobFilter::new().kinds([kind]).states([state]).limit(1_000);
    let begun = Instant::now();
    loop {
        let found = db.jobs().list(&filter).await.unwrap();
        if found.len() == count {
            return;
        }
        if begun.elapsed() > LONG {
            let all = db
                .jobs()
                .list(&JobFilter::new().limit(1_000))
                .await
                .unwrap();
            let all: Vec<_> = all.iter().map(|it| (it.id, it.state, it.attempt)).collect();
            panic!("{count} {kind} never became {state:?}: {all:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn slots(db: &Db<Database>) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM dbop_job_slot");
    count.fetch_one(db.pool()).await.unwrap()
}

#[tokio::test]
async fn fifty_jobs_with_one_slot_run_one_after_the_other_and_all_end() {
    let fresh = open().await;
    let crowd = Arc::new(Crowd::default());
    let start = async || {
        let working = workers(&fresh, ["one_of_kind"]).shared_state(Arc::clone(&crowd));
        working.start().await.unwrap()
    };
    let (first, second) = (start().await, start().await);
    let jobs = one_of_kind::enqueue_many(&fresh.db, (0..50).map(one_of_kind::new));
    jobs.await.unwrap();
    count_is(&fresh, "one_of_kind", JobState::Completed, 50).await;
    assert_eq!(crowd.most(""), 1);
    let all = fresh
        .jobs()
        .list(&JobFilter::new().limit(100))
        .await
        .unwrap();
    assert!(
        all.iter().all(|job| job.attempt == 1),
        "waiting uses no attempt"
    );
    stop(first).await;
    stop(second).await;
    assert_eq!(slots(&fresh).await, 0);
}

#[tokio::test]
async fn fifty_jobs_of_two_keys_run_three_of_each_at_once_at_most_and_all_end() {
    let fresh = open().await;
    let crowd = Arc::new(Crowd::default());
    let working = workers(&fresh, ["three_of_key"]).shared_state(Arc::clone(&crowd));
    let working = working.queue("default", 20).start().await.unwrap();
    let keys = ["a", "it's \"b\" 世界"];
    let jobs = (0..50).map(|at| three_of_key::new(keys[at % 2].to_owned()));
    three_of_key::enqueue_many(&fresh.db, jobs).await.unwrap();
    count_is(&fresh, "three_of_key", JobState::Completed, 50).await;
    for key in keys {
        assert!((1..=3).contains(&crowd.most(key)), "{}", crowd.most(key));
    }
    stop(working).await;
    assert_eq!(slots(&fresh).await, 0);
}

#[derive(Debug, Default)]
struct Line {
    gate: Gate,
    order: Mutex<Vec<i64>>,
}

#[job(
    concurrency(limit = 1),
    backoff(base = "1ms", max = "1ms"),
    max_attempts = 2
)]
async fn in_line(job: &Job<Database>, line: &Line, at: i64) -> Result<(), Trouble> {
    line.order.lock().unwrap().push(at);
    match at {
        // Waits at the gate.
        0 => {
            line.gate.pass().await;
            Ok(())
        }
        // Fails twice.
        1 => Err(Trouble::NotNow),
        // Does not come back within the test.
        2 => {
            job.snooze(Duration::from_secs(3600));
            Ok(())
        }
        // Is cancelled while it runs.
        3 => {
            line.gate.pass().await;
            job.cancelled().await;
            Err(Trouble::Refused)
        }
        4 => panic!("boom"),
        _ => Ok(()),
    }
}

async fn start_line(fresh: &Fresh<Database>) -> (Arc<Line>, Working<Database>) {
    let line = Arc::new(Line::default());
    let working = workers(fresh, ["in_line"]).shared_state(Arc::clone(&line));
    (line, working.start().await.unwrap())
}

#[tokio::test]
async fn jobs_that_wait_for_a_slot_run_by_priority_and_then_in_their_order() {
    let fresh = open().await;
    let (line, working) = start_line(&fresh).await;
    in_line::enqueue(&fresh.db, 0).await.unwrap();
    line.gate.arrival().await;
    let jobs = [(10, 3), (11, 1), (12, 3), (13, 1), (14, 2)];
    let jobs = jobs.map(|(at, priority)| in_line::new(at).priority(priority));
    in_line::enqueue_many(&fresh.db, jobs).await.unwrap();
    count_is(&fresh, "in_line", JobState::Pending, 5).await;
    line.gate.open(1);
    count_is(&fresh, "in_line", JobState::Completed, 6).await;
    assert_eq!(*line.order.lock().unwrap(), [0, 11, 13, 14, 10, 12]);
    stop(working).await;
}

#[tokio::test]
async fn a_slot_is_given_back_however_its_job_ends() {
    let fresh = open().await;
    let (line, working) = start_line(&fresh).await;
    in_line::enqueue(&fresh.db, 0).await.unwrap();
    line.gate.arrival().await;
    let jobs = [1, 2, 4, 3, 5].map(in_line::new);
    let jobs = in_line::enqueue_many(&fresh.db, jobs).await.unwrap();
    line.gate.open(1);
    line.gate.arrival().await;
    let running = JobFilter::new().ids([jobs[3].id]);
    assert_eq!(fresh.jobs().cancel(&running).await.unwrap(), 1);
    becomes(&fresh, jobs[4].id, JobState::Completed).await;
    becomes(&fresh, jobs[3].id, JobState::Cancelled).await;
    becomes(&fresh, jobs[2].id, JobState::Discarded).await;
    becomes(&fresh, jobs[1].id, JobState::Scheduled).await;
    becomes(&fresh, jobs[0].id, JobState::Discarded).await;
    stop(working).await;
    assert_eq!(slots(&fresh).await, 0);
}

#[tokio::test]
async fn waiting_jobs_that_are_cancelled_or_deleted_or_retried_keep_nobody_waiting() {
    let fresh = open().await;
    let (line, working) = start_line(&fresh).await;
    in_line::enqueue(&fresh.db, 0).await.unwrap();
    line.gate.arrival().await;
    let jobs = [10, 11, 12, 13].map(in_line::new);
    let jobs = in_line::enqueue_many(&fresh.db, jobs).await.unwrap();
    count_is(&fresh, "in_line", JobState::Pending, 4).await;
    let only = |at: usize| JobFilter::new().ids([jobs[at].id]);
    assert_eq!(fresh.jobs().cancel(&only(0)).await.unwrap(), 1);
    assert_eq!(fresh.jobs().delete(&only(1)).await.unwrap(), 1);
    // A job that is made available asks for a slot, and waits again.
    assert_eq!(fresh.jobs().retry(&only(3)).await.unwrap(), 1);
    count_is(&fresh, "in_line", JobState::Pending, 2).await;
    line.gate.open(1);
    for at in [2, 3] {
        becomes(&fresh, jobs[at].id, JobState::Completed).await;
    }
    assert_eq!(*line.order.lock().unwrap(), [0, 12, 13]);
    stop(working).await;
}

#[tokio::test]
async fn a_slot_that_nobody_gave_back_and_a_job_that_nobody_woke_are_found() {
    let fresh = open().await;
    let (_, working) = start_line(&fresh).await;
    // As after a process that has died while it held the slot: its job was completed by another one.
    let taken =
        "INSERT INTO dbop_job_slot (job_id, key, runs, most) VALUES (999999, 'in_line', #, 1)";
    let taken = match <Database as sqlx::Database>::NAME {
        "SQLite" => taken.replace('#', "1"),
        _ => taken.replace('#', "true"),
    };
    sqlx::query(sqlx::AssertSqlSafe(taken))
        .execute(fresh.pool())
        .await
        .unwrap();
    let id = in_line::enqueue(&fresh.db, 10).await.unwrap().id;
    becomes(&fresh, id, JobState::Completed).await;
    stop(working).await;
}

// --- rates ----------------------------------------------------------------------------------------

#[derive(Debug, Default)]
struct Begun(Mutex<Vec<i64>>);

const EVERY: i64 = 100;
const AT_ONCE: i64 = 5;

#[job(rate(limit = 5, per = "500ms"), max_attempts = 1)]
async fn five_in_half_a_second(job: &Job<Database>, begun: &Begun) -> Result<(), Trouble> {
    let now = now_ms(job.db()).await;
    begun.0.lock().unwrap().push(now);
    Ok(())
}

#[tokio::test]
async fn no_more_jobs_begin_than_their_rate_allows_and_all_end() {
    let fresh = open().await;
    let begun = Arc::new(Begun::default());
    let from = now_ms(&fresh).await;
    let working = workers(&fresh, ["five_in_half_a_second"]).shared_state(Arc::clone(&begun));
    let working = working
        .leads(true)
        .queue("default", 30)
        .start()
        .await
        .unwrap();
    let jobs = (0..12).map(|_| five_in_half_a_second::new());
    five_in_half_a_second::enqueue_many(&fresh.db, jobs)
        .await
        .unwrap();
    count_is(&fresh, "five_in_half_a_second", JobState::Completed, 12).await;
    stop(working).await;
    let mut times = begun.0.lock().unwrap().clone();
    times.sort_unstable();
    for (number, time) in (0..).zip(times) {
        let earliest = from + EVERY * (number - AT_ONCE + 1).max(0);
        assert!(
            time >= earliest,
            "{number}: {} ms too early",
            earliest - time
        );
    }
    let all = fresh.jobs().list(&JobFilter::new()).await.unwrap();
    assert!(
        all.iter().all(|job| job.attempt == 1),
        "waiting uses no attempt"
    );
}

#[job(rate(limit = 1, per = "1h", key = customer), concurrency(limit = 1, key = customer), max_attempts = 3,
    backoff(base = "1ms", max = "1ms"))]
async fn one_an_hour(
    job: &Job<Database>,
    begun: &Begun,
    customer: i64,
    fails: bool,
) -> Result<(), Trouble> {
    let _ = (job, customer);
    begun.0.lock().unwrap().push(customer);
    match fails {
        true => Err(Trouble::Refused),
        false => Ok(()),
    }
}

async fn next_at(db: &Db<Database>, key: &'static str) -> i64 {
    let next = sqlx::query_scalar("SELECT next_at FROM dbop_job_rate WHERE key = $1");
    next.bind(key).fetch_one(db.pool()).await.unwrap()
}

#[tokio::test]
async fn a_job_reserves_its_turn_once_and_runs_in_it_with_a_slot() {
    let fresh = open().await;
    let begun = Arc::new(Begun::default());
    let working = workers(&fresh, ["one_an_hour"]).shared_state(Arc::clone(&begun));
    let working = working.start().await.unwrap();
    let first = one_an_hour::enqueue(&fresh.db, 1, false).await.unwrap().id;
    becomes(&fresh, first, JobState::Completed).await;
    let mut waiting = Vec::new();
    for hours in [1, 2] {
        let id = one_an_hour::enqueue(&fresh.db, 1, false).await.unwrap().id;
        let job = becomes(&fresh, id, JobState::Scheduled).await;
        assert_eq!(job.attempt, 0);
        let wait = job
            .scheduled_at
            .duration_since(job.created_at)
            .unwrap()
            .as_secs();
        assert!(wait.abs_diff(3600 * hours) < 120, "{wait}");
        waiting.push(id);
    }
    let reserved = next_at(&fresh, "one_an_hour/1").await;
    for id in waiting {
        let turn = JobFilter::new().ids([id]);
        assert_eq!(fresh.jobs().retry(&turn).await.unwrap(), 1);
        let job = becomes(&fresh, id, JobState::Completed).await;
        assert_eq!(job.attempt, 1);
    }
    assert_eq!(
        next_at(&fresh, "one_an_hour/1").await,
        reserved,
        "nothing is reserved twice"
    );
    // Another key is counted by itself, and an attempt that has failed needs a turn of its own.
    let other = one_an_hour::enqueue(&fresh.db, 2, true).await.unwrap().id;
    let job = waits_for("a turn", &fresh, other, |job| {
        job.state == JobState::Scheduled && job.errors.len() == 1
    });
    job.await;
    assert_eq!(*begun.0.lock().unwrap(), [1, 1, 1, 2]);
    stop(working).await;
    assert_eq!(slots(&fresh).await, 0);
}
