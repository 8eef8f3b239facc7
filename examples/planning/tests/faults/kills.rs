//! Workers that are killed at fifty random moments while they plan.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use dbop::jobs::{JobDatabase, JobFilter, JobInfo, JobState, Workers, Working};
use dbop::{AnyDb, Conn, Db, db_op};
use futures_util::stream::{self, StreamExt};
use planning::cycles;
use planning::error::Result;
use planning::model::{Behaviour, DataType, Proposal};
use planning::planning::plan;
use planning::services::{Clients, Services};
use sqlx::{ConnectOptions, query_as, query_scalar};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::process::Process;
use super::{PATIENCE, eventually};

const KILLS: u32 = 50;

/// How many reports each cycle has, and how many samples each attribute gets: two chunks for a report.
const REPORTS: i64 = 8;
const SAMPLES: i32 = 80;

/// No fewer jobs than this are left to do when a worker is started.
const LEFT: usize = 12;

/// How soon the death of a worker is noticed.
const NOTICED: Duration = Duration::from_secs(1);

struct Proof<DB: JobDatabase> {
    db: Db<DB>,
    any: AnyDb,
    url: String,
    services: Services,
    cycles: i64,
    /// The calls whose answers are stored, and how many questions had arrived when that was found.
    stored: HashMap<String, usize>,
    /// The attributes that were ever found in the database.
    seen: HashSet<Uuid>,
    /// The kills at which the worker had jobs.
    in_the_middle: u32,
}

impl<DB: JobDatabase> Proof<DB>
where
    AnyDb: From<Db<DB>>,
{
    async fn open(db: Db<DB>, seed: u64) -> Self {
        dbop::jobs::migrate(&db).await.expect("the tables of jobs");
        let behaviour = Behaviour {
            delay: Duration::from_millis(60),
            failing: 0.04,
            seed,
        };
        let services = Services::start(([127, 0, 0, 1], 0).into(), behaviour).await;
        Self {
            any: AnyDb::from(db.clone()),
            url: db.pool().connect_options().to_url_lossy().to_string(),
            db,
            services: services.expect("a free port"),
            cycles: 0,
            stored: HashMap::new(),
            seen: HashSet::new(),
            in_the_middle: 0,
        }
    }

    /// Starts a process that works.
    fn start(&self) -> Process {
        let model = self.services.url().to_string();
        Process::start(&[
            "--worker",
            "--database",
            &self.url,
            "--model",
            &model,
            "--noticed-within",
            "1s",
            "--at-once",
            "4",
        ])
    }

    /// Looks out for dead workers in this process, and works nothing.
    async fn look_out(&self) -> Working<DB> {
        let workers = Workers::new(&self.db).only(Vec::<String>::new());
        let workers = workers.elsewhere(dbop::jobs::kinds::<DB>());
        let working = workers.noticed_within(NOTICED).start().await;
        working.expect("somebody who looks out")
    }

    async fn jobs(&self, filter: JobFilter) -> Vec<JobInfo> {
        let jobs = self.db.jobs().list(&filter.limit(10_000)).await;
        jobs.expect("the jobs")
    }

    /// Sees that there is enough to do, and that what has failed is done again at once.
    async fn provide(&mut self) {
        let waiting = JobFilter::new().states([JobState::Retryable]);
        self.db.jobs().retry(&waiting).await.expect("the jobs");
        let open = [JobState::Available, JobState::Scheduled];
        let open = JobFilter::new().kinds(["planning.plan"]).states(open);
        while self.jobs(open.clone()).await.len() < LEFT {
            self.cycles += 1;
            let cycle = self.cycles;
            cycles::begin(&self.any, cycle, REPORTS)
                .await
                .expect("a cycle");
            let jobs = (1..=REPORTS).map(|report| plan::new(cycle, report, SAMPLES));
            plan::enqueue_many(&self.any, jobs).await.expect("the jobs");
        }
    }

    /// Notes what is stored after the kill of a worker, and sees that nothing is lost that was stored
    /// before.
    async fn note(&mut self, worker: Option<&str>) {
        let arrived = self.services.model.counts().calls;
        let mut is_working = false;
        for job in self.jobs(JobFilter::new().kinds(["planning.plan"])).await {
            let is_its = worker.is_some() && job.worker.as_deref() == worker;
            is_working |= is_its && job.state == JobState::Running;
            if job.steps.iter().any(|step| step == "call") {
                self.stored.entry(key_of(&job)).or_insert(arrived);
            }
        }
        self.in_the_middle += u32::from(is_working);
        let there = all_attributes(&self.any).await.expect("the attributes");
        let there: HashSet<_> = there.into_iter().collect();
        assert!(self.seen.is_subset(&there), "a stored attribute is lost");
        self.seen = there;
    }

    async fn all_are_done(&self) {
        let waiting = JobFilter::new().states([JobState::Retryable]);
        eventually("all jobs are done", async || {
            self.db.jobs().retry(&waiting).await.expect("the jobs");
            let jobs = self.jobs(JobFilter::new()).await;
            let lost = jobs
                .iter()
                .find(|job| matches!(job.state, JobState::Cancelled | JobState::Discarded));
            assert!(lost.is_none(), "{lost:#?}");
            jobs.iter().all(|job| job.state == JobState::Completed)
        })
        .await;
    }

    /// Sees that no call was made whose answer was stored before, and counts those that were repeated
    /// because the worker has died between the answer and its storage.
    fn audit_calls(&self) -> usize {
        for (at, arrival) in self.services.model.arrivals_after(0).iter().enumerate() {
            let known = self.stored.get(&arrival.key);
            assert!(
                known.is_none_or(|known| at < *known),
                "`{}` was asked again although its answer was stored",
                arrival.key
            );
        }
        self.services.model.counts().repeated
    }

    /// Sees that each report has the attributes that the model has proposed, each once.
    async fn audit_attributes(&self) {
        let clients = Clients::new(self.services.url(), Duration::from_secs(2));
        let mut reports = Vec::new();
        for cycle in 1..=self.cycles {
            reports.extend((1..=REPORTS).map(|report| (cycle, report)));
        }
        let audits = stream::iter(reports).map(|(cycle, report)| {
            let (any, model) = (&self.any, &clients.model);
            async move {
                let about = cycles::find(any, cycle, report).await.expect("a report");
                let key = format!("audit {cycle}/{report}");
                let mut proposed = model.propose(&about.question(), &key).await;
                while proposed.is_err() {
                    proposed = model.propose(&about.question(), &key).await;
                }
                let proposed = sorted(proposed.expect("not an error"));
                let stored = cycles::attributes(any, cycle, report).await;
                let stored = stored.expect("the attributes").into_iter();
                let mut stored: Vec<_> = stored.map(|it| (it.name, it.data_type)).collect();
                stored.sort_by(|a, b| a.0.cmp(&b.0));
                assert_eq!(stored, proposed, "report {report} of cycle {cycle}");
            }
        });
        audits.buffer_unordered(8).collect::<()>().await;
    }

    /// Sees that each attribute has each of its samples once.
    async fn audit_samples(&self) -> i64 {
        let counts = counts_of_samples(&self.any).await.expect("the samples");
        assert_eq!(
            counts.len(),
            self.seen.len(),
            "an attribute without samples"
        );
        let mut all = 0;
        for (attribute, samples, numbers) in counts {
            assert_eq!(samples, i64::from(SAMPLES), "samples of {attribute}");
            assert_eq!(
                numbers,
                i64::from(SAMPLES),
                "different samples of {attribute}"
            );
            all += samples;
        }
        all
    }
}

fn sorted(proposals: Vec<Proposal>) -> Vec<(String, DataType)> {
    let mut all: Vec<_> = proposals
        .into_iter()
        .map(|it| (it.name, it.data_type))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The key with which a job asks the model.
fn key_of(job: &JobInfo) -> String {
    format!("{}/{}/call", job.kind, job.id)
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn all_attributes(conn: &mut Conn<'_, DB>) -> Result<Vec<Uuid>> {
    Ok(query_scalar("SELECT id FROM attributes")
        .fetch_all(&mut *conn)
        .await?)
}

/// Returns how many samples each attribute has, and how many different ones.
#[db_op(read_only, timeout = "1m", on = [Sqlite, Postgres])]
async fn counts_of_samples(conn: &mut Conn<'_, DB>) -> Result<Vec<(Uuid, i64, i64)>> {
    let counts = query_as::<DB, _>(
        "SELECT attribute, COUNT(*), COUNT(DISTINCT number) FROM samples GROUP BY attribute",
    );
    Ok(counts.fetch_all(&mut *conn).await?)
}

fn seed() -> u64 {
    let given = std::env::var("DBOP_TEST_SEED").ok();
    let seed = given.and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("DBOP_TEST_SEED={seed}");
    seed
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn fifty_kills_lose_and_double_nothing_and_no_call_is_repeated_whose_answer_was_stored(
    db: Db<DB>,
) {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut proof = Proof::open(db, seed).await;
    let looks_out = proof.look_out().await;
    for kill in 0..KILLS {
        proof.provide().await;
        let mut worker = proof.start();
        // One in eight dies while it starts.
        let id = match kill % 8 {
            7 => None,
            _ => Some(worker.says("Works as").await.replace("Works as ", "")),
        };
        sleep(Duration::from_millis(random.u64(..500))).await;
        worker.kill();
        proof.note(id.as_deref()).await;
    }
    assert!(
        proof.in_the_middle >= KILLS / 2,
        "{} kills",
        proof.in_the_middle
    );

    let mut last = proof.start();
    last.says("Works as").await;
    proof.all_are_done().await;
    last.terminate();
    let (status, _) = last.end().await;
    assert!(status.success(), "{status}");
    timeout(PATIENCE, looks_out.stop(Duration::ZERO))
        .await
        .expect("an end");

    proof.note(None).await;
    let repeated = proof.audit_calls();
    proof.audit_attributes().await;
    let samples = proof.audit_samples().await;
    println!(
        "{KILLS} kills, {} of them while jobs ran: {} reports, {} attributes and {samples} samples are there \
         once; {} questions, {repeated} of them for an answer that was given and not stored",
        proof.in_the_middle,
        proof.cycles * REPORTS,
        proof.seen.len(),
        proof.stored.len(),
    );
}
