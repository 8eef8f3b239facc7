use std::time::Duration;

use axum::body::Body;
use dbop::AnyDb;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::{NOBODY, PATIENCE};

#[dbop::test(migrations = "./migrations")]
async fn what_cannot_be_read_is_answered_with_problem_details(db: AnyDb) {
    let client = Client::open(db).await;
    let json = Some("application/json");
    for (route, kind, body, status, problem) in [
        ("POST /users", json, "{\"name\": ", 400, "invalid_body"),
        ("POST /users", json, "", 400, "invalid_body"),
        (
            "POST /users",
            json,
            "{\"name\": \"Ada\"}",
            422,
            "invalid_body",
        ),
        (
            "POST /users",
            json,
            "{\"name\": \"Ada\", \"email\": \"ada\"}",
            422,
            "invalid_body",
        ),
        (
            "POST /users",
            json,
            r#"{"name": "Ada", "email": "ada@b.org", "nmae": 1}"#,
            422,
            "invalid_body",
        ),
        ("POST /users", Some("text/plain"), "{}", 415, "invalid_body"),
        ("POST /users", None, "{}", 415, "invalid_body"),
        ("GET /users?limit=0", None, "", 400, "invalid_query"),
        ("GET /users?limit=101", None, "", 400, "invalid_query"),
        ("GET /users?limit=many", None, "", 400, "invalid_query"),
        ("GET /users?after=1", None, "", 400, "invalid_query"),
        (
            "GET /questions?difficulty=6",
            None,
            "",
            400,
            "invalid_query",
        ),
        (
            "GET /questions?role=Back%20end",
            None,
            "",
            400,
            "invalid_query",
        ),
        ("GET /sessions?state=asleep", None, "", 400, "invalid_query"),
        ("GET /users/1", None, "", 400, "invalid_path"),
        ("GET /roles/NO/questions", None, "", 400, "invalid_path"),
        ("GET /user", None, "", 404, "no_such_route"),
        ("PUT /users", None, "", 405, "no_such_method"),
    ] {
        let answer = client.send(route, kind, Body::from(body)).await;
        answer.refused(status, problem);
    }
}

#[dbop::test(migrations = "./migrations")]
async fn a_refused_value_is_named_with_what_would_be_valid(db: AnyDb) {
    let client = Client::open(db).await;
    let new = json!({"name": "Ada", "email": "ada"});
    let refused = client
        .tell("POST /users", new)
        .await
        .refused(422, "invalid_body");
    let detail = refused.detail();
    assert!(
        detail.contains("email: expected an e-mail address"),
        "{detail}"
    );
    let refused = client
        .ask("GET /users?limit=0")
        .await
        .refused(400, "invalid_query");
    let detail = refused.detail();
    assert!(
        detail.contains("limit: expected a number from 1 to 100"),
        "{detail}"
    );
}

#[dbop::test(migrations = "./migrations")]
async fn everybody_sees_whether_the_service_is_healthy_and_only_administrators_see_how_it_works(
    db: AnyDb,
) {
    let client = Client::open(db).await;
    for route in ["/health", "/health/live", "/ready", "/monitoring"] {
        client.ask(&format!("GET {route}")).await.ok(200);
    }
    let numbers = "GET /monitoring/database";
    client.ask(numbers).await.refused(401, "unauthorized");
    let seen = client.as_administrator().ask(numbers).await.ok(200);
    assert_eq!(seen.body["health_status"]["status"], "healthy");
}

#[dbop::test(migrations = "./migrations")]
async fn a_request_that_fails_leaves_no_session_behind(db: AnyDb) {
    let client = Client::open(db).await;
    let ada = client.user("Ada").await;
    for _ in 0..30 {
        let again = json!({"name": "Ada", "email": "ada@example.org"});
        client
            .tell("POST /users", again)
            .await
            .refused(409, "unique");
        let new = json!({
            "user": ada, "role": "lead", "job_description": "A team.",
            "questions": {"given": [NOBODY]},
        });
        client
            .tell("POST /sessions", new)
            .await
            .refused(422, "application");
    }
    let all_are_back = async {
        while !client.db.sessions().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, all_are_back)
        .await
        .expect("no session is held");
}
