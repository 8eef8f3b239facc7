use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use axum::response::Response;
use dbop::Db;
use dbop::jobs::JobDatabase;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tower::ServiceExt;

use super::PATIENCE;
use super::stage::{RELIABLE, Stage};
use crate::model::Behaviour;
use crate::run::{self, Cycle};

const ONE: Cycle = Cycle {
    cycle: 1,
    reports: 1,
    samples: 0,
};

/// Asks for the events of a job, as a browser does that has seen this one last.
async fn events<DB: JobDatabase>(stage: &Stage<DB>, job: i64, seen: Option<&str>) -> Response {
    let mut request = Request::builder().uri(format!("/jobs/{job}/events"));
    if let Some(seen) = seen {
        request = request.header("last-event-id", seen);
    }
    let request = request.body(Body::empty()).expect("a request");
    let answer = stage.router.clone().oneshot(request).await;
    answer.expect("infallible")
}

/// Reads an answer to its end, and returns the id and the data of each event.
async fn read(answer: Response) -> Vec<(String, Value)> {
    read_and_begin(answer, async || ()).await
}

/// Does something after the first event, and reads the answer to its end.
async fn read_and_begin(answer: Response, begin: impl AsyncFnOnce()) -> Vec<(String, Value)> {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = answer.into_body().into_data_stream();
    let first = timeout(PATIENCE, body.try_next()).await.expect("an event");
    let mut text = first.expect("a body").expect("an event").to_vec();
    begin().await;
    let rest = body.try_collect::<Vec<_>>();
    let rest = timeout(PATIENCE, rest)
        .await
        .expect("an end")
        .expect("a body");
    text.extend(rest.concat());
    parse(&String::from_utf8_lossy(&text))
}

fn parse(text: &str) -> Vec<(String, Value)> {
    let events = text.split("\n\n").filter(|event| event.contains("data:"));
    let field = |event: &str, name: &str| {
        let found = event.lines().find_map(|line| line.strip_prefix(name));
        found.expect(name).trim().to_owned()
    };
    let events = events.map(|event| {
        assert_eq!(field(event, "event:"), "job");
        let data = serde_json::from_str(&field(event, "data:"));
        (field(event, "id:"), data.expect("JSON"))
    });
    events.collect()
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn the_events_of_a_job_end_with_the_job_and_who_comes_back_is_told_that_it_is_over(
    db: Db<DB>,
) {
    let stage = Stage::open(db, RELIABLE).await;
    let job = run::enqueue(&stage.any, ONE).await.unwrap()[0];
    let mut working = None;
    let early = events(&stage, job, None).await;
    let work = async || working = Some(stage.work().await);
    let early = read_and_begin(early, work).await;
    let (last, shown) = early.last().expect("an event");
    assert_eq!(shown["state"], "completed");
    assert_eq!(shown["progress"]["done"], 3);
    let states: Vec<_> = early.iter().map(|(_, job)| job["state"].clone()).collect();
    assert!(
        states[..states.len() - 1]
            .iter()
            .all(|state| state != "completed")
    );

    // A client that has missed the end gets the end, and one that has seen the end nothing.
    let late = read(events(&stage, job, Some(&early[0].0)).await).await;
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].0, *last);
    let over = events(&stage, job, Some(last)).await;
    assert_eq!(over.status(), 204);
    working.expect("workers").stop(PATIENCE).await;
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_job_that_was_retried_is_told_anew_to_who_has_seen_its_end(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let job = run::enqueue(&stage.any, ONE).await.unwrap()[0];
    let cancelled = json!({"ids": [job]});
    stage
        .tell("POST /jobs/cancel", Some(cancelled.clone()), 200)
        .await;
    let ended = read(events(&stage, job, None).await).await;
    let (seen, shown) = &ended[0];
    assert_eq!(shown["state"], "cancelled");
    stage.tell("POST /jobs/retry", Some(cancelled), 200).await;
    let again = events(&stage, job, Some(seen)).await;
    let working = stage.work().await;
    let again = read(again).await;
    let (id, shown) = again.last().expect("an event");
    assert_eq!(shown["state"], "completed");
    assert_ne!(id, seen, "another end");
    working.stop(PATIENCE).await;
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn the_page_follows_jobs_that_are_enqueued_later_and_ends_with_the_service(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let working = stage.work().await;
    let answer = stage.send("GET /events", None).await;
    let mut body = answer.into_body().into_data_stream();
    let cycle = Cycle { reports: 3, ..ONE };
    // Slow enough to be seen: jobs are looked for each second.
    run::enqueue(&stage.any, cycle).await.unwrap();
    let mut text = String::new();
    let crawled = |text: &str| {
        let events = parse(text.rsplit_once("\n\n").map_or("", |(whole, _)| whole));
        let mut crawls = events
            .iter()
            .filter(|(_, job)| job["kind"] == "planning.scrape");
        crawls.any(|(_, job)| job["state"] == "completed")
    };
    let mut again = 2;
    while !crawled(&text) {
        let chunk = timeout(Duration::from_secs(2), body.try_next()).await;
        match chunk {
            Ok(chunk) => text += &String::from_utf8_lossy(&chunk.unwrap().expect("it goes on")),
            // The jobs have ended between two looks.
            Err(_) => {
                let crawl = Some(json!({"crawl": again}));
                stage.tell("POST /scraping", crawl, 202).await;
                again += 1;
                assert!(again < 30, "nothing is told: {text}");
            }
        }
    }
    stage.ending.cancel();
    let rest = timeout(PATIENCE, body.try_fold((), async |(), _| Ok(()))).await;
    rest.expect("an end").expect("a whole answer");
    working.stop(PATIENCE).await;
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_websocket_tells_the_changes_of_a_job_and_is_closed_after_its_end(db: Db<DB>) {
    let slow = Behaviour {
        delay: Duration::from_millis(50),
        ..RELIABLE
    };
    let stage = Stage::open(db, slow).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = stage.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let job = run::enqueue(&stage.any, ONE).await.unwrap()[0];
    let url = format!("ws://{address}/ws/jobs/{job}");

    let mut elsewhere = url.as_str().into_client_request().expect("a request");
    let origin = "https://elsewhere.example".parse().expect("a value");
    elsewhere.headers_mut().insert("origin", origin);
    match tokio_tungstenite::connect_async(elsewhere).await {
        Err(Error::Http(refused)) => assert_eq!(refused.status(), 403),
        other => panic!("the page of another site gets {other:?}"),
    }

    let (mut socket, _) = tokio_tungstenite::connect_async(&url)
        .await
        .expect("a socket");
    let working = stage.work().await;
    let mut states = Vec::new();
    let closed = loop {
        let told = timeout(PATIENCE, socket.next()).await.expect("it goes on");
        match told.expect("a close").expect("a message") {
            Message::Text(text) => {
                let job: Value = serde_json::from_str(&text).expect("JSON");
                states.push(job["state"].as_str().expect("a state").to_owned());
            }
            Message::Close(reason) => break reason,
            _ => {}
        }
    };
    assert_eq!(states.last().map(String::as_str), Some("completed"));
    assert!(states.len() > 1, "{states:?}");
    assert_eq!(u16::from(closed.expect("a reason").code), 1_000);
    working.stop(PATIENCE).await;
    server.abort();
}

#[dbop::test(migrations = "./migrations")]
async fn the_page_and_its_files_are_there_and_load_nothing_from_elsewhere(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let page = stage.send("GET /", None).await;
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str();
    assert!(
        policy
            .expect("a text")
            .starts_with("default-src 'none'; script-src 'self'")
    );
    for file in ["/", "/planning.js", "/planning.css"] {
        let text = stage.ask(&format!("GET {file}"), 200).await;
        let text = text.as_str().expect("a text");
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{file}"
        );
        assert!(
            !text.contains("innerHTML") && !text.contains("onclick"),
            "{file}"
        );
    }
}
