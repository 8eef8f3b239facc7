use dbop::AnyDb;
use serde_json::json;

use super::NOBODY;
use super::client::Client;

#[dbop::test(migrations = "./migrations")]
async fn a_user_is_registered_found_renamed_and_removed(db: AnyDb) {
    let client = Client::open(db).await;
    let new = json!({"name": " Ada ", "email": "ada@example.org"});
    let ada = client.tell("POST /users", new).await.ok(201);
    assert_eq!(ada.body["name"], "Ada", "without the white space");
    let path = format!("/users/{}", ada.id());
    assert_eq!(ada.headers["location"], path);
    assert_eq!(
        client.ask(&format!("GET {path}")).await.ok(200).body,
        ada.body
    );
    let name = json!({"name": "Ada L."});
    let renamed = client.tell(&format!("PATCH {path}"), name).await.ok(200);
    assert_eq!(
        (&renamed.body["name"], renamed.id()),
        (&json!("Ada L."), ada.id())
    );
    client.ask(&format!("DELETE {path}")).await.ok(204);
    client
        .ask(&format!("GET {path}"))
        .await
        .refused(404, "no_rows");
}

#[dbop::test(migrations = "./migrations")]
async fn an_email_address_is_taken_once(db: AnyDb) {
    let client = Client::open(db).await;
    client.user("Ada").await;
    let again = json!({"name": "Another Ada", "email": "ada@example.org"});
    let refused = client
        .tell("POST /users", again)
        .await
        .refused(409, "unique");
    assert_eq!(refused.detail(), "This already exists.");
    assert_eq!(client.count("users").await, 1);
}

#[dbop::test(migrations = "./migrations")]
async fn a_user_who_is_not_there_is_not_found(db: AnyDb) {
    let client = Client::open(db).await;
    let path = format!("/users/{NOBODY}");
    client
        .ask(&format!("GET {path}"))
        .await
        .refused(404, "no_rows");
    client
        .ask(&format!("DELETE {path}"))
        .await
        .refused(404, "no_rows");
    let name = json!({"name": "Ada"});
    client
        .tell(&format!("PATCH {path}"), name)
        .await
        .refused(404, "no_rows");
}

#[dbop::test(migrations = "./migrations")]
async fn users_are_found_by_their_address_and_by_a_part_of_their_name(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let percent = json!({"name": "100% Bob", "email": "bob@example.org"});
    client.tell("POST /users", percent).await.ok(201);
    for (query, found) in [
        ("email=ada@example.org", 1),
        ("email=eve@example.org", 0),
        ("name=AD", 1),
        ("name=0%25", 1),
        ("name=a%25a", 0),
        ("name=_", 0),
        ("name=b&email=ada@example.org", 0),
    ] {
        let users = client.ask(&format!("GET /users?{query}")).await.ok(200);
        assert_eq!(users.items().len(), found, "{query}");
    }
    let found = client.ask("GET /users?name=ada").await.ok(200);
    assert_eq!(found.items()[0]["id"], ada);
}

#[dbop::test(migrations = "./migrations")]
async fn a_user_is_removed_with_sessions_answers_and_conversations(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let bob = client.user("Bob").await;
    for user in [&ada, &bob] {
        let session = client.running(user, 2).await;
        let answer = format!("PUT /sessions/{session}/answers/1");
        client
            .tell(&answer, json!({"body": "It depends."}))
            .await
            .ok(200);
        let new = json!({
            "user": user, "session": session, "title": "Help", "model": "m", "instructions": "Help.",
        });
        client.tell("POST /conversations", new).await.ok(201);
    }
    client.ask(&format!("DELETE /users/{ada}")).await.ok(204);
    for table in ["users", "sessions", "answers", "conversations", "messages"] {
        assert_eq!(client.count(table).await, 1, "{table}");
    }
    client.ask(&format!("GET /users/{bob}")).await.ok(200);
}
