//! The page about jobs, and the events that its script reads.

use std::sync::Arc;

use dbop::http::Routes;
use dbop::job;
use dbop::jobs::{Job, JobFilter};
use dbop_tests::http::{Exchange, Service};
use serde_json::{Value, json};

use super::*;

const TOKEN: [(&str, &str); 1] = [("authorization", "Bearer s3cret")];

async fn serve(db: &Db<Database>) -> Service {
    let routes = Routes::new(db.clone()).token("s3cret");
    Service::start(routes.into_router()).await
}

/// Returns what the next event says.
async fn event(page: &mut Exchange) -> Value {
    let answer = soon("an event", page.until("}\n\n")).await;
    let (_, event) = answer.split_once("data: ").expect("an event");
    let (event, _) = event.split_once("\n\n").expect("its end");
    serde_json::from_str(event).expect("JSON")
}

async fn seen(service: &Service) -> Value {
    let answer = service.send("GET /monitoring/jobs.json", &TOKEN, "").await;
    let answer = answer.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_tells_nothing_without_the_token() {
    let fresh = open().await;
    let service = serve(&fresh).await;
    for (path, kind) in [
        ("/monitoring/jobs", "text/html"),
        ("/monitoring/jobs.js", "text/javascript"),
        ("/monitoring/shared.js", "text/javascript"),
    ] {
        let answer = service.ask(&format!("GET {path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with(kind));
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    for path in ["/monitoring/jobs/events", "/monitoring/jobs.json"] {
        let refused = service.ask(&format!("GET {path}")).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    let off = Routes::new(fresh.db.clone()).into_router();
    let off = Service::start(off).await;
    for path in ["jobs", "jobs.js", "jobs/events", "jobs.json"] {
        let answer = off.ask(&format!("GET /monitoring/{path}")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[derive(Debug, thiserror::Error, dbop::DbError)]
enum Jam {
    #[error("<b>the printer is on fire</b> {}", "again ".repeat(200))]
    OnFire,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[job(queue = "letters", max_attempts = 1)]
async fn shown(job: &Job<Database>, gate: &Gate, text: String) -> Result<String, Trouble> {
    job.progress(3, 4, "<i>folding</i>").await?;
    gate.pass().await;
    Ok(text)
}

#[job(queue = "letters", max_attempts = 1)]
async fn fails_visibly(job: &Job<Database>, text: String) -> Result<(), Jam> {
    let _ = (job, text);
    Err(Jam::OnFire)
}

const SECRET: &str = "h0rse battery";

#[tokio::test]
async fn the_page_shows_queues_progress_and_failures_and_neither_arguments_nor_results() {
    let fresh = open().await;
    let gate = Arc::new(Gate::default());
    let working = workers(&fresh, ["shown", "fails_visibly"]).shared_state(Arc::clone(&gate));
    let working = working.start().await.unwrap();
    let secret = || SECRET.to_owned();
    let first = shown::enqueue(&fresh.db, secret()).await.unwrap().id;
    gate.arrival().await;
    gate.open(1);
    becomes(&fresh, first, JobState::Completed).await;
    let failed = fails_visibly::enqueue(&fresh.db, secret())
        .await
        .unwrap()
        .id;
    becomes(&fresh, failed, JobState::Discarded).await;
    let later = shown::new(secret()).delay(LONG);
    let later = later.enqueue(&fresh.db).await.unwrap().id;
    let given_up = shown::new(secret()).delay(LONG);
    let given_up = given_up.enqueue(&fresh.db).await.unwrap().id;
    let filter = JobFilter::new().ids([given_up]);
    assert_eq!(fresh.jobs().cancel(&filter).await.unwrap(), 1);
    let running = shown::enqueue(&fresh.db, secret()).await.unwrap().id;
    gate.arrival().await;

    let service = serve(&fresh).await;
    let mut page = service
        .send("GET /monitoring/jobs/events", &TOKEN, "")
        .await;
    for told in [event(&mut page).await, seen(&service).await] {
        assert!(!told.to_string().contains("h0rse"), "{told}");
        assert_eq!(told["note"], Value::Null);
        let states = json!({
            "completed": 1, "discarded": 1, "scheduled": 1, "cancelled": 1, "running": 1,
        });
        let queue = &told["queues"][0];
        assert_eq!(
            (&queue["queue"], &queue["states"]),
            (&json!("letters"), &states)
        );
        let job = &told["running"][0];
        assert_eq!(job["id"], json!(running));
        let progress = json!({"done": 3, "total": 4, "message": "<i>folding</i>"});
        assert_eq!(job["progress"], progress);
        assert_eq!(
            (&job["attempt"], &job["max_attempts"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(told["waiting"][0]["id"], json!(later));
        assert!(told["waiting"][0]["due_in_ms"].as_f64().unwrap() > 0.0);
        let failures = told["failures"].as_array().unwrap();
        assert_eq!(
            failures.len(),
            1,
            "who was cancelled by somebody has not failed"
        );
        assert_eq!(failures[0]["id"], json!(failed));
        let error = failures[0]["error"].as_str().unwrap();
        assert!(
            error.starts_with("<b>the printer is on fire</b>"),
            "{error}"
        );
        assert_eq!(error.chars().count(), 501, "long errors are cut off");
    }
    gate.open(1);
    becomes(&fresh, running, JobState::Completed).await;
    loop {
        let told = event(&mut page).await;
        if told["running"] == json!([]) {
            break;
        }
    }
    stop(working).await;
}

#[tokio::test]
async fn a_page_says_that_there_are_no_tables_of_jobs() {
    let fresh = notes::open().await;
    let told = seen(&serve(&fresh).await).await;
    let note = told["note"].as_str().expect("a note");
    assert!(note.contains("dbop::jobs::migrate(&db)"), "{note}");
    assert_eq!(told["queues"], json!([]));
}
