use std::time::Duration;

use dbop::{AnyDb, Tx, transactional};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::PATIENCE;
use super::client::Client;
use super::gate::Gate;
use crate::error::Result;
use crate::reviewer::{Reviewer, Wake};
use crate::values::SessionId;
use crate::{feedback, sessions};

/// Finishes an interview with two questions, one of which has an answer of 7 points.
async fn finished(client: &Client, user: &str) -> String {
    let id = client.running(user, 2).await;
    client.answer(&id, 1, "It depends.", 7).await;
    client.finish(&id).await;
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
                sleep(Duration::from_millis(5)).await;
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

/// Holds a session until the gate opens, as a request about this session does.
#[transactional(on = [Sqlite, Postgres])]
async fn hold(tx: &mut Tx<'_, DB>, session: SessionId, gate: &Gate) -> Result<()> {
    sessions::hold(&mut *tx, session).await?;
    #[dbop::allow(foreign_await, reason = "the reviewer is to find this session held")]
    gate.is_open().await;
    Ok(())
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_session_that_a_request_holds_gets_its_feedback_when_the_request_has_ended(db: AnyDb) {
    let client = Client::open(db.clone()).await;
    let ada = client.user("Ada").await;
    let session = json!(finished(&client, &ada).await);
    let session = serde_json::from_value(session).expect("an id");
    let gate = Gate::default();
    let review = async {
        gate.is_reached().await;
        let calls = db.totals().calls;
        let reviewer = Reviewer::start(db.clone(), Wake::default());
        // On PostgreSQL, the reviewer finds nothing that is free; on SQLite, it waits for its turn.
        let has_looked = async {
            while db.totals().calls == calls && db.pool_status().write.waiting == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, has_looked).await.expect("a look");
        gate.open();
        reviewer
    };
    let (held, reviewer) = tokio::join!(hold(&db, session, &gate), review);
    held.expect("the session is held");
    let has_feedback = async {
        while client.count("conversations").await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, has_feedback).await.expect("feedback");
    drop(reviewer);
}
