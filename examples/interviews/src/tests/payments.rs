use dbop::AnyDb;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{Client, id_of};
use super::{NOBODY, PATIENCE};

/// Plans an interview for managers, which costs 4900 cents, and returns the path of the session.
async fn planned(client: &Client) -> String {
    let ada = client.user("Ada").await;
    let session = client.session(&ada, "lead", 1).await;
    assert_eq!(session["cents"], 4_900);
    format!("/sessions/{}", id_of(&session))
}

#[dbop::test(migrations = "./migrations")]
async fn a_session_that_costs_something_begins_once_it_is_paid(db: AnyDb) {
    let client = Client::open(db).await;
    let session = planned(&client).await;
    let unpaid = client
        .ask(&format!("POST {session}/start"))
        .await
        .refused(402, "application");
    assert_eq!(
        unpaid.detail(),
        "the session costs 4900 cents, and is not paid"
    );
    client
        .ask(&format!("GET {session}/payment"))
        .await
        .refused(404, "no_rows");
    let pay = format!("POST {session}/payment");
    let paid = client
        .with_key("k1")
        .tell(&pay, json!({"cents": 4_900}))
        .await
        .ok(201);
    assert_eq!(
        client
            .ask(&format!("GET {session}/payment"))
            .await
            .ok(200)
            .body,
        paid.body
    );
    client.ask(&format!("POST {session}/start")).await.ok(200);
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_payment_that_many_clients_repeat_takes_effect_once(db: AnyDb) {
    let client = Client::open(db).await;
    let pay = format!("POST {}/payment", planned(&client).await);
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (client, pay) = (client.with_key("june"), pay.clone());
        tasks.spawn(async move {
            client
                .tell(&pay, json!({"cents": 4_900}))
                .await
                .ok(201)
                .body
        });
    }
    let answers = timeout(PATIENCE, tasks.join_all())
        .await
        .expect("all of them end");
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
    assert_eq!(client.count("payments").await, 1);
}

#[dbop::test(migrations = "./migrations")]
async fn a_refused_payment_leaves_no_trace_but_a_line_in_the_log(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let session = planned(&client).await;
    let pay = format!("POST {session}/payment");
    let cheap = client.with_key("k1").tell(&pay, json!({"cents": 1})).await;
    let detail = "the session costs 4900 cents, and 1 were offered";
    assert_eq!(cheap.refused(422, "application").detail(), detail);
    assert_eq!(client.count("payments").await, 0);
    let log = client
        .ask("GET /admin/logs?source=payments&level=warning")
        .await
        .ok(200);
    let line = log.items()[0]["message"].as_str().expect("a message");
    assert!(line.ends_with(&format!("was refused: {detail}.")), "{line}");
    // The key is free again, because nothing was stored under it.
    client
        .with_key("k1")
        .tell(&pay, json!({"cents": 4_900}))
        .await
        .ok(201);
}

#[dbop::test(migrations = "./migrations")]
async fn a_session_is_paid_once(db: AnyDb) {
    let client = Client::open(db).await;
    let pay = format!("POST {}/payment", planned(&client).await);
    let price = json!({"cents": 4_900});
    client
        .with_key("k1")
        .tell(&pay, price.clone())
        .await
        .ok(201);
    let again = client.with_key("k2").tell(&pay, price.clone()).await;
    assert_eq!(
        again.refused(409, "application").detail(),
        "the session is paid already"
    );
    let other = client.with_key("k1").tell(&pay, json!({"cents": 1})).await;
    other.refused(422, "key_reused");
    let nobody = format!("POST /sessions/{NOBODY}/payment");
    client
        .with_key("k1")
        .tell(&nobody, price)
        .await
        .refused(404, "no_rows");
    assert_eq!(client.count("payments").await, 1);
}

#[dbop::test(migrations = "./migrations")]
async fn who_has_paid_is_not_removed_and_neither_is_the_session(db: AnyDb) {
    let client = Client::open(db).await;
    let session = planned(&client).await;
    let user = client.ask(&format!("GET {session}")).await.ok(200).body["user_id"].clone();
    let user = format!("/users/{}", user.as_str().expect("an id"));
    let pay = format!("POST {session}/payment");
    client
        .with_key("k1")
        .tell(&pay, json!({"cents": 4_900}))
        .await
        .ok(201);
    for path in [user, session] {
        let refused = client
            .ask(&format!("DELETE {path}"))
            .await
            .refused(409, "application");
        assert_eq!(refused.detail(), "what was paid for cannot be removed");
        client.ask(&format!("GET {path}")).await.ok(200);
    }
}

#[dbop::test(migrations = "./migrations")]
async fn nothing_is_paid_for_a_session_that_was_cancelled(db: AnyDb) {
    let client = Client::open(db).await;
    let session = planned(&client).await;
    client.ask(&format!("POST {session}/cancel")).await.ok(200);
    let pay = format!("POST {session}/payment");
    let refused = client
        .with_key("k1")
        .tell(&pay, json!({"cents": 4_900}))
        .await;
    assert_eq!(
        refused.refused(409, "application").detail(),
        "the session was cancelled, so there is nothing to pay"
    );
    assert_eq!(client.count("payments").await, 0);
}
