//! The service `examples/interviews` while its server is stopped and started.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use dbop::AnyDb;
use dbop_tests::cluster::Cluster;
use dbop_tests::eventually;
use futures_util::future::join_all;

use super::common::interviews::site::Site;

const CLIENTS: usize = 20;

/// What the clients have said and heard.
#[derive(Default)]
struct Talk {
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

/// Says one thing after the other, each until it is acknowledged. Returns how many there were.
async fn speak(site: Arc<Site>, talk: Arc<Talk>, messages: String, client: usize) -> usize {
    let mut said = 0;
    while !talk.is_over.load(SeqCst) {
        site.say(&messages, &format!("client {client}: {said}"))
            .await;
        talk.acknowledged.fetch_add(1, SeqCst);
        said += 1;
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn while_its_server_is_stopped_and_started_a_service_says_503_and_loses_and_doubles_nothing()
{
    let mut cluster = Cluster::start(&["max_connections=30"]).await;
    let site = Arc::new(Site::open(AnyDb::builder().url(&cluster.url)).await);
    let messages = site.conversation("barbara").await;
    let talk = Arc::<Talk>::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let speaking = speak(
                Arc::clone(&site),
                Arc::clone(&talk),
                messages.clone(),
                client,
            );
            tokio::spawn(speaking)
        })
        .collect();
    for outage in 1..=3 {
        let before = talk.acknowledged.load(SeqCst);
        eventually("the service works", async || {
            talk.acknowledged.load(SeqCst) >= before + 3 * CLIENTS
        })
        .await;
        let refused = site.count(503);
        cluster.stop_at_once().await;
        eventually("clients are told to come back", async || {
            site.count(503) >= refused + 2 * CLIENTS
        })
        .await;
        assert_eq!(site.service.ask("GET /health/live").await.status, 200);
        eventually("the service counts as not ready", async || {
            site.service.ask("GET /ready").await.status == 503
        })
        .await;
        cluster.restart().await;
        println!(
            "outage {outage}: {} acknowledged before it",
            talk.acknowledged.load(SeqCst)
        );
    }
    talk.is_over.store(true, SeqCst);
    let said = join_all(clients).await;
    let mut expected = Vec::new();
    for (client, said) in said.into_iter().enumerate() {
        let said = said.expect("a client that got its answers");
        expected.extend((0..said).map(|number| format!("client {client}: {number}")));
    }
    expected.sort();
    assert_eq!(site.said(&messages).await, expected);
    assert_eq!(site.service.ask("GET /ready").await.status, 200);
}
