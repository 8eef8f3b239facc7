//! A process that is killed in the middle of its work.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use dbop::Db;
use dbop_tests::seed;
use futures_util::future::try_join_all;
use sqlx::Sqlite;
use tokio::time::{sleep, timeout};

use super::fresh_with;
use super::money::{self, Order, transfer};
use dbop_tests::process::{Process, say, test_name};

const FILE: &str = "DBOP_TEST_CHILD_FILE";
const FIRST: &str = "DBOP_TEST_CHILD_FIRST_ID";
const ROUNDS: i64 = 8;
/// More ids than a round can use.
const APART: i64 = 1_000_000;
const TASKS: usize = 8;

/// Prints the id of every transfer that was acknowledged, and never ends by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other process of the test below"]
async fn child_that_pays_until_it_is_killed() {
    let Ok(url) = std::env::var(FILE) else { return };
    let first: i64 = std::env::var(FIRST).expect("set").parse().expect("an id");
    let db = Db::<Sqlite>::connect(&url).await.expect("the file");
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let tasks = (0..TASKS).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut random = fastrand::Rng::new();
            loop {
                let id = first + NEXT.fetch_add(1, SeqCst);
                let call = transfer(&db, Order::random(id, &mut random));
                call.await.expect("nobody else is there");
                say(id);
            }
        })
    });
    try_join_all(tasks).await.expect("no end");
}

/// Starts a process, and kills it at a random moment. Returns the transfers that it was told were
/// done.
async fn round(url: &str, first: i64, random: &mut fastrand::Rng) -> Vec<i64> {
    let child = test_name(module_path!(), "child_that_pays_until_it_is_killed");
    let mut child = Process::start(&child, &[(FILE, url), (FIRST, &first.to_string())]);
    let id = |line: String| line.parse::<i64>().expect("an id");
    let mut acknowledged = Vec::new();
    // Hearing from the process shows that it is at work. The moment after that may be anywhere in
    // its work.
    for _ in 0..random.usize(1..200) {
        acknowledged.push(id(child
            .hear()
            .await
            .expect("the process never ends by itself")));
    }
    sleep(Duration::from_micros(random.u64(0..3_000))).await;
    child.kill();
    while let Some(line) = child.hear().await {
        acknowledged.push(id(line));
    }
    acknowledged
}

#[tokio::test]
async fn what_a_killed_process_acknowledged_is_there_once_and_nothing_is_there_by_half() {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let fresh = fresh_with(|builder| builder).await;
    money::set_up(&fresh).await;
    fresh.close().await;

    let mut acknowledged = HashSet::new();
    let mut in_doubt = 0;
    for number in 1..=ROUNDS {
        let told = round(&fresh.url, number * APART, &mut random).await;
        acknowledged.extend(told);
        // The next process can write at once.
        let db = Db::<Sqlite>::connect(&fresh.url).await.expect("the file");
        let order = Order::random(number, &mut random);
        let next = timeout(Duration::from_secs(10), transfer(&db, order)).await;
        next.expect("no lock is left").unwrap();
        db.close().await;
        acknowledged.insert(number);

        let entries = money::audit(&fresh.url).await;
        let lost: Vec<_> = acknowledged.difference(&entries).collect();
        assert!(
            lost.is_empty(),
            "round {number}: acknowledged and lost: {lost:?}"
        );
        in_doubt = entries.difference(&acknowledged).count();
        // A call whose answer was cut off may have been applied. There is at most one for each task
        // and round.
        let most = TASKS * usize::try_from(number).unwrap();
        assert!(
            in_doubt <= most,
            "round {number}: {in_doubt} entries that nobody was told of"
        );
    }
    println!(
        "{} acknowledged, {in_doubt} applied without an answer",
        acknowledged.len()
    );
}
