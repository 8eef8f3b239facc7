use dbop::AnyDb;
use serde_json::{Value, json};

use super::NOBODY;
use super::client::{Client, id_of};
use crate::bank::{self, Bank};

#[dbop::test(migrations = "./migrations")]
async fn the_bank_comes_with_questions_for_every_role_and_is_filled_once(db: AnyDb) {
    let client = Client::open(db).await;
    let questions = client.count("questions").await;
    assert!(questions >= 60, "{questions}");
    let roles = client.ask("GET /roles").await.ok(200).body;
    for role in roles.as_array().expect("roles") {
        let role = role["role"].as_str().expect("a role");
        let found = client
            .ask(&format!("GET /questions?role={role}&limit=10"))
            .await
            .ok(200);
        assert_eq!(found.items().len(), 10, "{role}");
    }
    let lead = json!({"title": "Lead", "cents": 1});
    let admin = client.as_administrator();
    admin.tell("PUT /admin/roles/lead", lead).await.ok(200);
    let again = bank::fill(&client.db, &Bank::included().expect("the bank")).await;
    assert_eq!(again.expect("nothing to add"), 0);
    assert_eq!(client.count("questions").await, questions);
    let roles = client.ask("GET /roles").await.ok(200).body;
    let mut roles = roles.as_array().expect("roles").iter();
    let changed = json!({"role": "lead", "title": "Lead", "cents": 1});
    assert!(roles.any(|role| *role == changed), "the new price stays");
}

#[dbop::test(migrations = "./migrations")]
async fn questions_are_found_by_role_category_difficulty_and_text(db: AnyDb) {
    let client = Client::open(db).await;
    for (query, fits) in [
        (
            "role=data",
            (|row| row["role"] == "data") as fn(&Value) -> bool,
        ),
        ("category=databases", |row| row["category"] == "databases"),
        ("difficulty=5", |row| row["difficulty"] == 5),
        ("role=backend&category=databases&difficulty=2", |row| {
            row["text"]
                .as_str()
                .is_some_and(|text| text.contains("N+1"))
        }),
        ("text=n%2B1%20PROBLEM", |row| row["role"] == "backend"),
    ] {
        let found = client
            .ask(&format!("GET /questions?limit=100&{query}"))
            .await
            .ok(200);
        assert!(!found.items().is_empty(), "{query}");
        assert!(found.items().iter().all(fits), "{query}");
    }
    let none = client
        .ask("GET /questions?role=lead&category=databases")
        .await
        .ok(200);
    assert!(none.items().is_empty());
    client
        .ask("GET /roles/astronaut/questions")
        .await
        .refused(404, "no_rows");
    client
        .ask(&format!("GET /questions/{NOBODY}"))
        .await
        .refused(404, "no_rows");
    let categories = client.ask("GET /categories").await.ok(200).body;
    assert_eq!(categories.as_array().map(Vec::len), Some(7));
}

#[dbop::test(migrations = "./migrations")]
async fn the_questions_of_a_role_come_with_their_sessions_in_two_statements(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(client.session(&ada, "lead", 12).await);
    }
    sessions.reverse();
    let ids: Vec<_> = sessions.iter().map(id_of).collect();
    let path = "GET /roles/lead/questions?limit=100";
    let before = client.db.totals().statements;
    let page = client.ask(path).await.ok(200);
    // One asks for the role, one for the questions, and one for the sessions of all of them.
    assert_eq!(client.db.totals().statements - before, 3);
    assert_eq!(page.items().len(), 12);
    for question in page.items() {
        let asked: Vec<_> = question["sessions"]
            .as_array()
            .expect("sessions")
            .iter()
            .collect();
        let asked: Vec<_> = asked.iter().map(|asked| &asked["session_id"]).collect();
        assert_eq!(asked, ids.iter().collect::<Vec<_>>(), "the newest first");
    }
    let repeating = dbop::metrics()
        .into_iter()
        .filter(|op| op.repeating_calls > 0);
    assert_eq!(repeating.count(), 0, "no operation asks again for each row");
}

#[dbop::test(migrations = "./migrations")]
async fn an_import_is_one_statement_and_adds_what_is_missing(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let new = |number: i64| {
        let text = format!("What is {number} plus {number}?");
        json!({"role": "lead", "category": "fundamentals", "difficulty": 1, "text": text})
    };
    let many: Vec<_> = (0..1_000).map(new).collect();
    let before = client.db.totals().statements;
    let added = client
        .tell("POST /admin/questions", json!(many[1..]))
        .await
        .ok(201);
    assert_eq!(client.db.totals().statements - before, 1);
    assert_eq!(added.body, json!({"added": 999}));
    let added = client
        .tell("POST /admin/questions", json!(many))
        .await
        .ok(201);
    assert_eq!(added.body, json!({"added": 1}));
    let added = client
        .tell("POST /admin/questions", json!([]))
        .await
        .ok(201);
    assert_eq!(added.body, json!({"added": 0}));
    let too_many: Vec<_> = (0..1_001).map(new).collect();
    let refused = client.tell("POST /admin/questions", json!(too_many)).await;
    assert_eq!(
        refused.refused(422, "application").detail(),
        "at most 1000 can be added at once"
    );
}

#[dbop::test(migrations = "./migrations")]
async fn an_import_with_one_unknown_role_adds_nothing(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let before = client.count("questions").await;
    let many = json!([
        {"role": "lead", "category": "fundamentals", "difficulty": 1, "text": "Why?"},
        {"role": "astronaut", "category": "fundamentals", "difficulty": 1, "text": "Why?"},
    ]);
    let refused = client
        .tell("POST /admin/questions", many)
        .await
        .refused(422, "application");
    assert_eq!(refused.detail(), "there is no such role or category");
    assert_eq!(client.count("questions").await, before);
}

#[dbop::test(migrations = "./migrations")]
async fn a_question_that_was_asked_can_be_retired_and_not_removed(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let ada = client.user("Ada").await;
    let session = client.session(&ada, "lead", 12).await;
    let question = session["questions"][0]["question_id"]
        .as_str()
        .expect("an id");
    client
        .ask(&format!("DELETE /admin/questions/{question}"))
        .await
        .refused(409, "application");
    let retire = format!("PUT /admin/questions/{question}/retired");
    let retired = client.tell(&retire, json!({"retired": true})).await.ok(200);
    assert_eq!(retired.body["retired"], true);
    // The session keeps the question, and no other session gets it.
    let kept = client
        .ask(&format!("GET /sessions/{}", id_of(&session)))
        .await
        .ok(200);
    assert_eq!(kept.body["questions"], session["questions"]);
    let new = json!({
        "user": ada, "role": "lead", "job_description": "A team.",
        "questions": {"drawn": {"count": 12}},
    });
    let refused = client
        .tell("POST /sessions", new)
        .await
        .refused(422, "application");
    assert_eq!(
        refused.detail(),
        "only 11 questions for lead fit, and 12 were asked for"
    );
    client
        .tell(&retire, json!({"retired": false}))
        .await
        .ok(200);
    client.session(&ada, "lead", 12).await;
    let nobody = format!("PUT /admin/questions/{NOBODY}/retired");
    client
        .tell(&nobody, json!({"retired": true}))
        .await
        .refused(404, "no_rows");
}

#[dbop::test(migrations = "./migrations")]
async fn a_question_is_revised_and_removed(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let page = client.ask("GET /questions?role=lead&limit=1").await.ok(200);
    let before = &page.items()[0];
    let path = format!("/admin/questions/{}", id_of(before));
    let revised = client
        .tell(&format!("PATCH {path}"), json!({"difficulty": 1}))
        .await
        .ok(200);
    assert_eq!(
        (&revised.body["difficulty"], &revised.body["text"]),
        (&json!(1), &before["text"])
    );
    let text = json!({"text": "What has changed?"});
    let revised = client.tell(&format!("PATCH {path}"), text).await.ok(200);
    assert_eq!(revised.body["text"], "What has changed?");
    // A text is there once for each role.
    let other = client.ask("GET /questions?role=lead&limit=2").await.ok(200);
    let taken = json!({"text": other.items()[1]["text"]});
    client
        .tell(&format!("PATCH {path}"), taken)
        .await
        .refused(409, "unique");
    client.ask(&format!("DELETE {path}")).await.ok(204);
    client
        .ask(&format!("DELETE {path}"))
        .await
        .refused(404, "no_rows");
    client
        .tell(&format!("PATCH {path}"), json!({}))
        .await
        .refused(404, "no_rows");
}
