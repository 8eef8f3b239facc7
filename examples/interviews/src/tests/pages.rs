use dbop::AnyDb;
use serde_json::{Value, json};

use super::client::{Client, id_of};

/// Follows the links from a page to the last one, and returns all rows. Does `between` after each page.
async fn walk(client: &Client, first: &str, mut between: impl AsyncFnMut()) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let page = client.ask(&format!("GET {path}")).await.ok(200);
        rows.extend_from_slice(page.items());
        next = page.body["next"].as_str().map(str::to_owned);
        let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        let header = page
            .headers
            .get("link")
            .map(|link| link.to_str().expect("a text"));
        assert_eq!(header, link.as_deref());
        assert!(rows.len() < 1_000, "the walk does not end");
        between().await;
    }
    rows
}

#[dbop::test(migrations = "./migrations")]
async fn pages_show_every_row_once_the_newest_first(db: AnyDb) {
    let client = Client::open(db).await;
    let all = client.count("questions").await;
    for limit in [1, 7, 25, 100] {
        let rows = walk(&client, &format!("/questions?limit={limit}"), async || {}).await;
        assert_eq!(rows.len().to_string(), all.to_string(), "{limit}");
        let newest_first = rows
            .windows(2)
            .all(|pair| id_of(&pair[0]) > id_of(&pair[1]));
        assert!(newest_first, "{limit}: no row comes twice");
    }
}

#[dbop::test(migrations = "./migrations")]
async fn a_page_that_is_exactly_full_is_the_last_one(db: AnyDb) {
    let client = Client::open(db).await;
    for name in ["Ada", "Bob"] {
        client.user(name).await;
    }
    let page = client.ask("GET /users?limit=2").await.ok(200);
    assert_eq!((page.items().len(), &page.body["next"]), (2, &Value::Null));
}

#[dbop::test(migrations = "./migrations")]
async fn a_link_to_the_next_page_keeps_the_filters(db: AnyDb) {
    let client = Client::open(db).await;
    let rows = walk(
        &client,
        "/questions?role=backend&limit=3&text=the",
        async || {},
    )
    .await;
    assert!(rows.len() > 3, "{}", rows.len());
    for row in rows {
        let text = row["text"].as_str().expect("a text").to_lowercase();
        assert!(row["role"] == "backend" && text.contains("the"), "{row}");
    }
}

#[dbop::test(migrations = "./migrations")]
async fn rows_that_are_added_and_removed_meanwhile_move_no_page(db: AnyDb) {
    let client = Client::open(db).await;
    let mut users = Vec::new();
    for name in ["Ada", "Bob", "Cid", "Dot", "Eve"] {
        users.push(client.user(name).await);
    }
    users.reverse();
    let mut late = 0;
    let rows = walk(&client, "/users?limit=2", async || {
        late += 1;
        let new = client.user(&format!("Late{late}")).await;
        if late == 1 {
            client.ask(&format!("DELETE /users/{new}")).await.ok(204);
            client
                .ask(&format!("DELETE /users/{}", users[0]))
                .await
                .ok(204);
        }
    });
    let rows: Vec<_> = rows.await.iter().map(id_of).collect();
    assert_eq!(rows, users);
}

#[dbop::test(migrations = "./migrations")]
async fn every_list_has_pages(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let ada = client.user("Ada").await;
    let mut conversation = String::new();
    for turn in 0..3 {
        client.user(&format!("Bob{turn}")).await;
        client.session(&ada, "backend", 1).await;
        let new = json!({"user": ada, "title": "Help", "model": "m"});
        conversation = client.tell("POST /conversations", new).await.ok(201).id();
        let line = json!({"level": "info", "source": "tests", "message": "A line."});
        client.tell("POST /admin/logs", line).await.ok(201);
    }
    for _ in 0..3 {
        let new = json!({"author": "user", "body": "Hello."});
        client
            .tell(&format!("POST /conversations/{conversation}/messages"), new)
            .await
            .ok(201);
    }
    for (path, rows) in [
        ("/users?limit=1", 4),
        ("/roles/lead/questions?limit=5", 12),
        (&format!("/sessions?user={ada}&limit=1"), 3),
        ("/sessions?state=planned&role=backend&limit=2", 3),
        ("/sessions?state=running&limit=1", 0),
        (
            &format!("/conversations?user={ada}&archived=false&limit=1"),
            3,
        ),
        (
            &format!("/conversations/{conversation}/messages?limit=1"),
            3,
        ),
        ("/admin/logs?level=info&source=tests&limit=1", 3),
        ("/admin/logs?level=error", 0),
    ] {
        assert_eq!(walk(&client, path, async || {}).await.len(), rows, "{path}");
    }
}
