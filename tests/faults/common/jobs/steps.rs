//! What a job that calls another service does again after its process was killed.

use std::collections::HashMap;

use dbop::jobs::{Job, JobState};
use dbop::{Db, Tx, transactional};
use dbop_tests::seed;
use tokio::time::sleep;

use super::{
    Crew, Database, count, in_state, jobs_of, note, open, rescues, runs, start_leader, stop_leader,
    until,
};

const STEPS: [&str; 3] = ["first", "second", "third"];

/// What the other service notes of each request.
#[transactional(idempotent)]
async fn request(tx: &mut Tx<'_, Database>, n: i64, key: &str) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO effects VALUES ($1, $2)");
    insert.bind(n).bind(key).execute(&mut *tx).await?;
    Ok(())
}

/// Stays where it is until the process is killed, unless this is a later attempt.
async fn stay(job: &Job<Database>) {
    if job.attempt() == 1 {
        std::future::pending::<()>().await;
    }
}

/// Calls once, and stays for ever in its first attempt: before the result is stored if `n` is 0, and
/// after that if `n` is 1.
#[dbop::job(queue = "proof_call")]
async fn proof_call(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    let call = job.call("ask", async |key| -> dbop::Result<String> {
        request(job.db(), n, key).await?;
        if n == 0 {
            stay(job).await;
        }
        Ok(format!("answer of attempt {}", job.attempt()))
    });
    let answer = call.await?;
    runs(job.db(), n, job.attempt()).await?;
    if n == 1 {
        stay(job).await;
    }
    note(job.db(), n, &answer).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_result_is_stored_is_never_made_again_and_another_with_the_same_key() {
    let fresh = open().await;
    let crew = Crew::of_kind(&fresh.url, "proof_call", 2);
    let dies = crew.start().await;
    let jobs = proof_call::enqueue_many(&*fresh, [0, 1].map(proof_call::new)).await;
    let jobs = jobs.expect("the jobs");
    until("one job calls, and the other has called", async || {
        count(&fresh, "SELECT count(*) FROM effects").await == 2
            && count(&fresh, "SELECT count(*) FROM runs WHERE n = 1").await == 1
    })
    .await;
    dies.kill(&fresh).await;
    let next = crew.start().await;
    until("the jobs are done", async || {
        in_state(&fresh, "proof_call", JobState::Completed).await == 2
    })
    .await;
    next.stop().await;
    let keys = sqlx::query_as::<_, (i64, String)>("SELECT n, what FROM effects ORDER BY n");
    let keys = keys.fetch_all(fresh.pool()).await.expect("the requests");
    let key = |n: usize| {
        (
            i64::try_from(n).unwrap(),
            format!("proof_call/{}/ask", jobs[n].id),
        )
    };
    assert_eq!(keys, [key(0), key(0), key(1)]);
    let answers = sqlx::query_scalar::<_, String>("SELECT note FROM notes ORDER BY n");
    let answers = answers.fetch_all(fresh.pool()).await.expect("the answers");
    assert_eq!(answers, ["answer of attempt 2", "answer of attempt 1"]);
}

/// Makes three calls, and notes after each one that its result is stored.
#[dbop::job(queue = "proof_calls")]
async fn proof_calls(job: &Job<Database>, n: i64) -> dbop::Result<()> {
    for step in STEPS {
        let attempt = job.attempt();
        let call = job.call(step, async |key| -> dbop::Result<i32> {
            note(job.db(), n, &format!("{step} asked {attempt} {key}")).await?;
            Ok(attempt)
        });
        let asked_by = call.await?;
        note(job.db(), n, &format!("{step} stored {attempt} {asked_by}")).await?;
    }
    Ok(())
}

/// Checks what a job has noted, given how often its worker was killed.
fn check(n: i64, notes: &[String], rescued: i64) {
    for step in STEPS {
        let of = |what: &str| {
            let begin = format!("{step} {what} ");
            let parts = notes
                .iter()
                .filter_map(move |note| note.strip_prefix(&begin));
            let pair = |rest: &str| {
                let (attempt, rest) = rest.split_once(' ').expect("two words");
                (attempt.parse::<i64>().expect("an attempt"), rest.to_owned())
            };
            parts.map(pair).collect::<Vec<_>>()
        };
        let (asked, stored) = (of("asked"), of("stored"));
        let told = format!("job {n}, rescued {rescued} times: {notes:#?}");
        assert!(
            (1..=1 + rescued).contains(&i64::try_from(asked.len()).unwrap()),
            "{told}"
        );
        assert!(
            asked.iter().all(|(_, key)| *key == asked[0].1),
            "one key: {told}"
        );
        let first_stored = stored
            .iter()
            .map(|(attempt, _)| *attempt)
            .min()
            .expect("stored");
        assert!(
            asked.iter().all(|(attempt, _)| *attempt <= first_stored),
            "asked again: {told}"
        );
        let answers: Vec<_> = stored.iter().map(|(_, answer)| answer).collect();
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "one answer: {told}"
        );
    }
}

async fn notes_of_jobs(db: &Db<Database>) -> HashMap<i64, Vec<String>> {
    let rows = sqlx::query_as::<_, (i64, String)>("SELECT n, note FROM notes");
    let mut notes = HashMap::<_, Vec<_>>::new();
    for (n, note) in rows.fetch_all(db.pool()).await.expect("the notes") {
        notes.entry(n).or_default().push(note);
    }
    notes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_a_process_is_killed_its_jobs_repeat_no_call_whose_result_is_stored() {
    const JOBS: i64 = 400;
    let mut random = fastrand::Rng::with_seed(seed());
    let fresh = open().await;
    let jobs = (1..=JOBS).map(proof_calls::new);
    proof_calls::enqueue_many(&*fresh, jobs)
        .await
        .expect("the jobs");
    let leader = start_leader(&fresh).await;
    let crew = Crew::of_kind(&fresh.url, "proof_calls", 8);
    let completed = async || in_state(&fresh, "proof_calls", JobState::Completed).await;
    for round in 1..=3 {
        let dies = crew.start().await;
        let enough = JOBS * round / 5;
        until("a part of the jobs is done", async || {
            completed().await >= enough
        })
        .await;
        // The moment may be anywhere in the work of the process.
        sleep(std::time::Duration::from_micros(random.u64(0..5_000))).await;
        dies.kill(&fresh).await;
    }
    let last = crew.start().await;
    until("all jobs are done", async || completed().await == JOBS).await;
    last.stop().await;
    stop_leader(leader).await;
    let (notes, rescues) = (notes_of_jobs(&fresh).await, rescues(&fresh).await);
    for (n, job) in jobs_of(&fresh, "proof_calls").await {
        check(n, &notes[&n], rescues.get(&job.id).copied().unwrap_or(0));
    }
    println!("{} jobs were rescued", rescues.len());
}
