use std::sync::Arc;

use dbop::{AnyDb, Tx, transactional};
use serde_json::{Value, json};
use sqlx::query;
use tokio::time::timeout;

use super::client::Client;
use super::gate::Gate;
use super::{NOBODY, PATIENCE};
use crate::values::ConversationId;

/// Begins a conversation of a new user's, and returns its path.
async fn begun(client: &Client, instructions: Option<&str>) -> String {
    let ada = client.user("Ada").await;
    let new = json!({
        "user": ada, "title": "Before the interview", "model": "a model",
        "instructions": instructions,
    });
    let created = client.tell("POST /conversations", new).await.ok(201);
    let path = format!("/conversations/{}", created.id());
    assert_eq!(created.headers["location"], path);
    path
}

#[dbop::test(migrations = "./migrations")]
async fn a_conversation_begins_with_its_instructions(db: AnyDb) {
    let client = Client::open(db).await;
    let path = begun(&client, Some("Be kind.")).await;
    let messages = format!(
        "/conversations/{}/messages",
        path.rsplit('/').next().expect("an id")
    );
    for (author, body) in [("user", "Hello."), ("assistant", "Hello!\nHow can I help?")] {
        let new = json!({"author": author, "body": body});
        client.tell(&format!("POST {messages}"), new).await.ok(201);
    }
    let page = client.ask(&format!("GET {messages}")).await.ok(200);
    let said: Vec<_> = page
        .items()
        .iter()
        .map(|message| &message["author"])
        .collect();
    assert_eq!(said, ["assistant", "user", "system"]);
    assert_eq!(page.items()[2]["body"], "Be kind.");
}

#[dbop::test(migrations = "./migrations")]
async fn a_conversation_of_nobody_leaves_no_message(db: AnyDb) {
    let client = Client::open(db).await;
    let new = json!({"user": NOBODY, "title": "T", "model": "m", "instructions": "Be kind."});
    let refused = client
        .tell("POST /conversations", new)
        .await
        .refused(422, "application");
    assert_eq!(refused.detail(), "there is no such user or session");
    assert_eq!(
        (
            client.count("conversations").await,
            client.count("messages").await
        ),
        (0, 0)
    );
}

#[dbop::test(migrations = "./migrations")]
async fn an_archived_conversation_takes_no_messages_until_it_is_opened_again(db: AnyDb) {
    let client = Client::open(db).await;
    let path = begun(&client, None).await;
    let archive = json!({"archived": true});
    let archived = client.tell(&format!("PATCH {path}"), archive).await.ok(200);
    assert_eq!(archived.body["title"], "Before the interview", "this stays");
    let post = format!("POST {path}/messages");
    let hello = json!({"author": "user", "body": "Hello."});
    client
        .tell(&post, hello.clone())
        .await
        .refused(409, "application");
    let change = json!({"archived": false, "title": "Again"});
    let opened = client.tell(&format!("PATCH {path}"), change).await.ok(200);
    assert_eq!(
        (&opened.body["title"], &opened.body["archived"]),
        (&json!("Again"), &Value::Bool(false))
    );
    client.tell(&post, hello).await.ok(201);
}

/// Archives a conversation, which others see when the gate opens.
#[transactional(on = [Sqlite, Postgres])]
async fn archive(tx: &mut Tx<'_, DB>, id: ConversationId, gate: &Gate) -> dbop::Result<()> {
    let archive = query("UPDATE conversations SET archived = TRUE WHERE id = $1").bind(id);
    archive.execute(&mut *tx).await?;
    #[dbop::allow(foreign_await, reason = "another is to wait for this transaction")]
    gate.is_open().await;
    Ok(())
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_message_waits_for_whoever_archives_its_conversation(db: AnyDb) {
    let client = Client::open(db).await;
    let path = begun(&client, None).await;
    let id = path.rsplit('/').next().expect("an id");
    let id = serde_json::from_value(json!(id)).expect("an id");
    let gate = Arc::new(Gate::default());
    let (db, at) = (client.db.clone(), gate.clone());
    let archiver = tokio::spawn(async move { archive(&db, id, &at).await });
    gate.is_reached().await;
    let (other, post) = (client.clone(), format!("POST {path}/messages"));
    let hello = json!({"author": "user", "body": "Hello."});
    let posted = tokio::spawn(async move { other.tell(&post, hello).await });
    gate.open_when_others_wait(&client.db, 1).await;
    archiver.await.expect("no panic").expect("archived");
    let posted = timeout(PATIENCE, posted).await.expect("an answer");
    posted.expect("no panic").refused(409, "application");
    assert_eq!(client.count("messages").await, 0);
}

#[dbop::test(migrations = "./migrations")]
async fn a_conversation_is_removed_with_its_messages(db: AnyDb) {
    let client = Client::open(db).await;
    let path = begun(&client, Some("Be kind.")).await;
    let post = format!("POST {path}/messages");
    let hello = json!({"author": "user", "body": "Hello."});
    let message = client.tell(&post, hello).await.ok(201).id();
    client
        .ask(&format!("DELETE /messages/{message}"))
        .await
        .ok(204);
    client
        .ask(&format!("DELETE /messages/{message}"))
        .await
        .refused(404, "no_rows");
    assert_eq!(client.count("messages").await, 1);
    client.ask(&format!("DELETE {path}")).await.ok(204);
    assert_eq!(client.count("messages").await, 0);
}

#[dbop::test(migrations = "./migrations")]
async fn a_conversation_that_is_not_there_is_not_found(db: AnyDb) {
    let client = Client::open(db).await;
    let path = format!("/conversations/{NOBODY}");
    for route in ["GET", "DELETE"] {
        client
            .ask(&format!("{route} {path}"))
            .await
            .refused(404, "no_rows");
    }
    client
        .ask(&format!("GET {path}/messages"))
        .await
        .refused(404, "no_rows");
    client
        .tell(&format!("PATCH {path}"), json!({"title": "T"}))
        .await
        .refused(404, "no_rows");
    let hello = json!({"author": "user", "body": "Hello."});
    client
        .tell(&format!("POST {path}/messages"), hello)
        .await
        .refused(404, "no_rows");
}
