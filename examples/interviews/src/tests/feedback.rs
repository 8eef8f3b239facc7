use dbop::AnyDb;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::PATIENCE;
use super::client::Client;
use crate::feedback;
use crate::reviewer::Reviewer;

/// Finishes an interview with two questions, one of which has an answer of 7 points.
async fn finished(client: &Client, user: &str) -> String {
    let id = client.running(user, 2).await;
    let answer = format!("PUT /sessions/{id}/answers/1");
    client
        .tell(&answer, json!({"body": "It depends."}))
        .await
        .ok(200);
    client
        .tell(&format!("{answer}/score"), json!({"score": 7}))
        .await
        .ok(200);
    client
        .ask(&format!("POST /sessions/{id}/finish"))
        .await
        .ok(200);
    id
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn each_finished_session_is_given_feedback_once_by_many_at_work(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(finished(&client, &ada).await);
    }
    client.running(&ada, 1).await; // has no feedback yet
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let db = client.db.clone();
        tasks.spawn(
            async move { while feedback::give_next(&db).await.expect("feedback").is_some() {} },
        );
    }
    timeout(PATIENCE, tasks.join_all())
        .await
        .expect("all of them end");
    for session in sessions {
        let found = client
            .ask(&format!("GET /conversations?session={session}"))
            .await
            .ok(200);
        assert_eq!(found.items().len(), 1);
        let id = found.items()[0]["id"].as_str().expect("an id");
        let said = client
            .ask(&format!("GET /conversations/{id}/messages"))
            .await
            .ok(200);
        assert_eq!(
            said.items()[0]["body"],
            "You have answered 1 of 2 questions. Your score is 7.0 of 10."
        );
    }
    assert_eq!(client.count("conversations").await, 4);
}

#[dbop::test(migrations = "./migrations")]
async fn the_reviewer_wakes_when_a_session_is_finished_and_looks_for_old_ones_first(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    finished(&client, &ada).await; // while nobody is at work
    let reviewer = Reviewer::start(client.db.clone(), client.wake.clone());
    for given in 1..=2 {
        let all_have_feedback = async {
            while client.count("conversations").await < given {
                sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, all_have_feedback)
            .await
            .expect("feedback");
        if given == 1 {
            finished(&client, &ada).await;
        }
    }
    assert_eq!(client.count("sessions_without_feedback").await, 0);
    drop(reviewer);
}
