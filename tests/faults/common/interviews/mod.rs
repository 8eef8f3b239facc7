//! What the clients of a whole service see while its callers, its pool or its server fail.

pub(crate) mod site;

use std::sync::Arc;
use std::time::Duration;

use dbop::{AnyDb, Tx, transactional};
use dbop_tests::{eventually, seed};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use self::site::{Site, id};
use super::fresh_with;

#[transactional(on = [Sqlite, Postgres])]
#[dbop::allow(
    foreign_await,
    reason = "holds the connection until the test has looked"
)]
async fn hold(_tx: &mut Tx<'_, DB>, held: &Notify, free: &Notify) -> dbop::Result<()> {
    held.notify_one();
    free.notified().await;
    Ok(())
}

#[tokio::test]
async fn a_full_pool_is_answered_with_503_and_all_goes_on_when_there_is_room() {
    const SIZE: u32 = 2;
    let fresh = fresh_with(|builder| builder).await;
    let builder = AnyDb::builder().url(&fresh.url).max_connections(SIZE);
    let site = Arc::new(Site::open(builder.acquire_timeout(Duration::from_millis(200))).await);
    let messages = site.conversation("ada").await;

    let free = Arc::new(Notify::new());
    // On SQLite, one call writes at a time.
    let writers = site.db.pool_status().write.max;
    let mut holders = Vec::new();
    for _ in 0..writers {
        let (held, free, db) = (Arc::<Notify>::default(), Arc::clone(&free), site.db.clone());
        let told = Arc::clone(&held);
        holders.push(tokio::spawn(async move { hold(&db, &told, &free).await }));
        held.notified().await;
    }

    let speaking = tokio::spawn({
        let (site, messages) = (Arc::clone(&site), messages.clone());
        async move { site.say(&messages, "Is anybody there?").await }
    });
    eventually("a client is told to come back", async || {
        site.count(503) >= 2
    })
    .await;
    assert_eq!(site.service.ask("GET /health/live").await.status, 200);
    assert_eq!(
        site.service.ask("GET /ready").await.status,
        200,
        "busy is not dead"
    );
    eventually("the service counts as degraded", async || {
        let health = site.service.ask("GET /health").await;
        serde_json::from_str::<Value>(&health.body).expect("JSON")["status"] == "degraded"
    })
    .await;
    for _ in 0..writers {
        free.notify_one();
    }
    for holder in holders {
        holder.await.unwrap().unwrap();
    }
    speaking.await.unwrap();
    assert_eq!(site.said(&messages).await, ["Is anybody there?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_a_session_with_all_of_its_questions_or_none() {
    const QUESTIONS: usize = 5;
    const ENOUGH: usize = 5;
    let fresh = fresh_with(|builder| builder).await;
    let site = Site::open(AnyDb::builder().url(&fresh.url)).await;
    let user = site.user("grace").await;
    let session = json!({
        "user": user,
        "role": "backend",
        "job_description": "Compilers",
        "questions": {"drawn": {"count": QUESTIONS}},
    })
    .to_string();
    let mut random = fastrand::Rng::with_seed(seed());
    let (mut gone, mut there) = (0, 0);
    // The moments at which a client goes away lie all over the call, however long a call takes here.
    while there < ENOUGH || gone < there + ENOUGH {
        assert!(gone < 2_000, "{there} of {gone} sessions are there");
        let key = format!("\"{gone}\"");
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", &*key),
        ];
        let exchange = site
            .service
            .send("POST /sessions", &headers, &session)
            .await;
        let longest = if there < ENOUGH {
            1_000 + 100 * gone
        } else {
            500
        };
        sleep(Duration::from_micros(random.u64(0..longest as u64))).await;
        drop(exchange);
        gone += 1;
        if gone % 20 == 0 {
            there = site.all("/sessions").await.len();
        }
    }
    eventually("no call holds a connection", async || {
        let status = site.db.pool_status();
        status.write.in_use + status.read.map_or(0, |read| read.in_use) == 0
    })
    .await;
    let sessions = site.all("/sessions").await;
    println!("{} of {gone} sessions are there", sessions.len());
    for session in &sessions {
        let session = site.get(&format!("/sessions/{}", id(session))).await;
        let questions = session["questions"].as_array().expect("questions");
        assert_eq!(questions.len(), QUESTIONS, "{session}");
    }
}

/// The memory that this process uses, in MiB.
#[cfg(target_os = "linux")]
fn memory() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let resident = pages.split(' ').nth(1).expect("a second number");
    resident.parse::<u64>().expect("a number") * 4096 / (1 << 20)
}

/// What one client does: it says something, and reads.
async fn talk(site: &Site, messages: &str, client: usize, round: usize) {
    site.say(messages, &format!("client {client:03}, round {round}"))
        .await;
    site.get(&format!("{messages}?limit=5")).await;
    site.get("/questions?role=backend&limit=20").await;
    site.get("/roles/backend/questions?limit=5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_are_told_nothing_but_to_come_back_and_need_no_more_memory_each_time() {
    const CLIENTS: usize = 200;
    const ROUNDS: usize = 4;
    let fresh = fresh_with(|builder| builder).await;
    let site = Site::open(AnyDb::builder().url(&fresh.url)).await;
    let messages = site.conversation("edsger").await;
    #[cfg(target_os = "linux")]
    let mut after = Vec::new();
    for round in 0..ROUNDS {
        let clients = (0..CLIENTS).map(|client| talk(&site, &messages, client, round));
        let all = timeout(Duration::from_secs(120), join_all(clients)).await;
        all.expect("each client is served");
        #[cfg(target_os = "linux")]
        after.push(memory());
    }
    let mut expected: Vec<_> = (0..CLIENTS)
        .flat_map(|client| {
            (0..ROUNDS).map(move |round| format!("client {client:03}, round {round}"))
        })
        .collect();
    expected.sort();
    assert_eq!(site.said(&messages).await, expected);
    #[cfg(target_os = "linux")]
    assert!(
        after[ROUNDS - 1] <= after[0] + 32,
        "MiB after each round: {after:?}"
    );
}
