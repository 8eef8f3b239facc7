use std::sync::Arc;

use dbop::{AnyDb, Tx, transactional};
use serde_json::{Value, json};
use sqlx::query;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{Client, id_of};
use super::gate::Gate;
use super::{NOBODY, PATIENCE};
use crate::values::SessionId;

fn planned(user: &str, role: &str, questions: Value) -> Value {
    json!({"user": user, "role": role, "job_description": "A job.", "questions": questions})
}

#[dbop::test(migrations = "./migrations")]
async fn a_session_is_stored_with_its_questions(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let questions = client
        .ask("GET /questions?role=backend&limit=3")
        .await
        .ok(200);
    let given: Vec<_> = questions.items().iter().map(id_of).collect();
    let new = planned(&ada, "backend", json!({"given": given}));
    let created = client.tell("POST /sessions", new).await.ok(201);
    let path = format!("/sessions/{}", created.id());
    assert_eq!(created.headers["location"], path);
    assert_eq!(
        (&created.body["state"], &created.body["cents"]),
        (&json!("planned"), &json!(0))
    );
    for (place, asked) in created.body["questions"]
        .as_array()
        .expect("questions")
        .iter()
        .enumerate()
    {
        assert_eq!(asked["position"].to_string(), (place + 1).to_string());
        assert_eq!(asked["question_id"], given[place]);
        assert_eq!(asked["answer"], Value::Null);
    }
    assert_eq!(
        client.ask(&format!("GET {path}")).await.ok(200).body,
        created.body
    );
}

#[dbop::test(migrations = "./migrations")]
async fn questions_are_drawn_as_asked_for_the_easiest_first(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let draw = json!({"drawn": {"count": 5, "category": "databases"}});
    let drawn = client
        .tell("POST /sessions", planned(&ada, "backend", draw))
        .await
        .ok(201);
    let questions = drawn.body["questions"].as_array().expect("questions");
    let difficulty = |question: &Value| question["difficulty"].as_i64();
    assert_eq!(questions.len(), 5);
    assert!(questions.is_sorted_by_key(difficulty), "{questions:?}");
    assert!(
        questions
            .iter()
            .all(|question| question["category"] == "databases")
    );
}

#[dbop::test(migrations = "./migrations")]
async fn a_session_whose_questions_do_not_fit_leaves_nothing(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let page = client
        .ask("GET /questions?role=backend&limit=1")
        .await
        .ok(200);
    let backend = id_of(&page.items()[0]);
    for questions in [
        json!({"given": [backend, NOBODY]}),
        json!({"given": [backend, backend]}),
        json!({"given": []}),
        json!({"given": vec![&backend; 51]}),
        json!({"drawn": {"count": 50}}),
        json!({"drawn": {"count": 1, "category": "no-such"}}),
    ] {
        let new = planned(&ada, "backend", questions);
        client
            .tell("POST /sessions", new)
            .await
            .refused(422, "application");
    }
    let for_another_role = planned(&ada, "lead", json!({"given": [backend]}));
    client
        .tell("POST /sessions", for_another_role)
        .await
        .refused(422, "application");
    assert_eq!(client.count("sessions").await, 0);
}

#[dbop::test(migrations = "./migrations")]
async fn a_session_needs_a_user_and_a_role_that_are_there(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let one = json!({"drawn": {"count": 1}});
    for (user, role, detail) in [
        (NOBODY, "backend", "there is no such user"),
        (&ada, "astronaut", "there is no such role"),
    ] {
        let refused = client
            .tell("POST /sessions", planned(user, role, one.clone()))
            .await;
        assert_eq!(refused.refused(422, "application").detail(), detail);
    }
    assert_eq!(client.count("sessions").await, 0);
}

#[dbop::test(migrations = "./migrations")]
async fn no_step_of_a_session_is_skipped_or_taken_twice(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    for (steps, refused) in [
        (&[][..], &["finish"][..]),
        (&["start"], &["start"]),
        (&["cancel"], &["start", "finish", "cancel"]),
        (&["start", "cancel"], &["start", "finish", "cancel"]),
        (&["start", "finish"], &["start", "finish", "cancel"]),
    ] {
        let id = id_of(&client.session(&ada, "backend", 1).await);
        for step in steps {
            client
                .ask(&format!("POST /sessions/{id}/{step}"))
                .await
                .ok(200);
        }
        let before = client.ask(&format!("GET /sessions/{id}")).await.ok(200);
        for step in refused {
            let refused = client.ask(&format!("POST /sessions/{id}/{step}")).await;
            refused.refused(409, "application");
        }
        let after = client.ask(&format!("GET /sessions/{id}")).await.ok(200);
        assert_eq!(before.body, after.body, "{steps:?}");
    }
    for step in ["start", "finish", "cancel"] {
        let nobody = client.ask(&format!("POST /sessions/{NOBODY}/{step}")).await;
        nobody.refused(404, "no_rows");
    }
    let nobody = client.ask(&format!("GET /sessions/{NOBODY}")).await;
    nobody.refused(404, "no_rows");
}

/// Changes a session, and lets nobody else change it until the gate opens.
#[transactional(on = [Sqlite, Postgres])]
async fn keep(tx: &mut Tx<'_, DB>, id: SessionId, gate: &Gate) -> dbop::Result<()> {
    let touch = query("UPDATE sessions SET state = state WHERE id = $1").bind(id);
    touch.execute(&mut *tx).await?;
    #[dbop::allow(foreign_await, reason = "others are to wait for this transaction")]
    gate.is_open().await;
    Ok(())
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn of_many_who_end_a_session_one_succeeds(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let id = client.running(&ada, 1).await;
    let gate = Arc::new(Gate::default());
    let (db, at) = (client.db.clone(), gate.clone());
    let kept = serde_json::from_value(json!(id)).expect("an id");
    let keeper = tokio::spawn(async move { keep(&db, kept, &at).await });
    gate.is_reached().await;
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (client, id) = (client.clone(), id.clone());
        let step = ["finish", "cancel"][task % 2];
        tasks.spawn(async move {
            client
                .ask(&format!("POST /sessions/{id}/{step}"))
                .await
                .status
        });
    }
    gate.open_when_others_wait(&client.db, 8).await;
    keeper
        .await
        .expect("no panic")
        .expect("the end of the wait");
    let mut answers = timeout(PATIENCE, tasks.join_all())
        .await
        .expect("all of them end");
    answers.sort_unstable();
    assert_eq!(answers, [200, 409, 409, 409, 409, 409, 409, 409]);
}

#[dbop::test(migrations = "./migrations")]
async fn a_running_session_takes_answers_and_no_other_does(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let id = id_of(&client.session(&ada, "backend", 2).await);
    let first = format!("PUT /sessions/{id}/answers/1");
    let answer = json!({"body": "It depends."});
    client
        .tell(&first, answer.clone())
        .await
        .refused(409, "application");
    client
        .ask(&format!("POST /sessions/{id}/start"))
        .await
        .ok(200);
    client.tell(&first, answer.clone()).await.ok(200);
    let score = format!("PUT /sessions/{id}/answers/1/score");
    let scored = client.tell(&score, json!({"score": 7})).await.ok(200);
    assert_eq!(
        (&scored.body["score"], &scored.body["body"]),
        (&json!(7), &answer["body"])
    );
    // A new answer has no score.
    let again = client
        .tell(&first, json!({"body": "Now I know."}))
        .await
        .ok(200);
    assert_eq!(again.body["score"], Value::Null);
    client.tell(&score, json!({"score": 9})).await.ok(200);
    for (position, status, kind) in [(3, 404, "application"), (0, 400, "invalid_path")] {
        let route = format!("PUT /sessions/{id}/answers/{position}");
        client
            .tell(&route, answer.clone())
            .await
            .refused(status, kind);
    }
    let unanswered = format!("PUT /sessions/{id}/answers/2/score");
    client
        .tell(&unanswered, json!({"score": 1}))
        .await
        .refused(404, "no_rows");
    client
        .tell(&score, json!({"score": 11}))
        .await
        .refused(422, "invalid_body");
    client
        .ask(&format!("POST /sessions/{id}/finish"))
        .await
        .ok(200);
    client
        .tell(&first, answer.clone())
        .await
        .refused(409, "application");
    let nobody = format!("PUT /sessions/{NOBODY}/answers/1");
    client.tell(&nobody, answer).await.refused(404, "no_rows");
    let session = client.ask(&format!("GET /sessions/{id}")).await.ok(200);
    let answered = &session.body["questions"][0];
    assert_eq!(
        (&answered["answer"], &answered["score"]),
        (&json!("Now I know."), &json!(9))
    );
}

#[dbop::test(migrations = "./migrations")]
async fn a_session_is_removed_with_its_answers_and_its_conversations_stay(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    let id = client.running(&ada, 1).await;
    let answer = format!("PUT /sessions/{id}/answers/1");
    client
        .tell(&answer, json!({"body": "It depends."}))
        .await
        .ok(200);
    let new = json!({"user": ada, "session": id, "title": "Help", "model": "m"});
    let conversation = client.tell("POST /conversations", new).await.ok(201).id();
    client.ask(&format!("DELETE /sessions/{id}")).await.ok(204);
    client
        .ask(&format!("DELETE /sessions/{id}"))
        .await
        .refused(404, "no_rows");
    assert_eq!(client.count("answers").await, 0);
    let kept = client
        .ask(&format!("GET /conversations/{conversation}"))
        .await
        .ok(200);
    assert_eq!(kept.body["session_id"], Value::Null);
}
