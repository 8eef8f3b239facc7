use dbop::Db;
use serde_json::json;

use super::stage::{RELIABLE, Stage};

#[dbop::test(migrations = "./migrations")]
async fn jobs_are_listed_by_kind_and_state_page_by_page(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let cycle = json!({"cycle": 1, "reports": 5, "samples": 0});
    let begun = stage.tell("POST /cycles", Some(cycle), 202).await;
    let ids = begun["jobs"].as_array().expect("ids");
    assert_eq!(ids.len(), 6, "five reports and a crawl");
    let mut found = Vec::new();
    let mut next = Some(String::new());
    while let Some(after) = next {
        let page = format!("GET /jobs?kind=planning.plan&state=available,running&limit=2{after}");
        let page = stage.ask(&page, 200).await;
        found.extend(
            page["jobs"]
                .as_array()
                .expect("jobs")
                .iter()
                .map(|job| job["id"].clone()),
        );
        next = page["next"].as_i64().map(|id| format!("&after={id}"));
    }
    assert_eq!(found, ids[..5]);
    let none = stage.ask("GET /jobs?state=completed", 200).await;
    assert_eq!(none, json!({"jobs": [], "next": null}));
    let job = stage.ask(&format!("GET /jobs/{}", ids[2]), 200).await;
    assert_eq!(job["arguments"]["report"], 3);
    assert_eq!(job["state"], "available");
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn many_jobs_are_cancelled_retried_and_deleted_at_once(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let cycle = json!({"cycle": 1, "reports": 4, "samples": 0});
    let begun = stage.tell("POST /cycles", Some(cycle), 202).await;
    let ids = begun["jobs"].clone();
    let some = json!({"ids": [ids[0], ids[1]]});
    let changed = stage.tell("POST /jobs/cancel", Some(some), 200).await;
    assert_eq!(changed["changed"], 2);
    let plans = json!({"kinds": ["planning.plan"], "states": ["available"]});
    let changed = stage.tell("POST /jobs/cancel", Some(plans), 200).await;
    assert_eq!(changed["changed"], 2, "those that are left");
    let cancelled = stage.ask("GET /jobs?state=cancelled", 200).await;
    assert_eq!(cancelled["jobs"].as_array().expect("jobs").len(), 4);

    let working = stage.work().await;
    let first = json!({"ids": [ids[0]]});
    let changed = stage.tell("POST /jobs/retry", Some(first), 200).await;
    assert_eq!(changed["changed"], 1);
    let ended = stage.end_of(ids[0].as_i64().expect("an id")).await;
    assert_eq!(ended.output.expect("an output")["samples"], json!(null));
    stage.end_of(ids[4].as_i64().expect("the crawl")).await;
    working.stop(super::PATIENCE).await;

    let all = json!({"all": true});
    let changed = stage.tell("POST /jobs/delete", Some(all), 200).await;
    assert_eq!(changed["changed"], 5);
    stage.ask(&format!("GET /jobs/{}", ids[0]), 404).await;
}

#[dbop::test(migrations = "./migrations")]
async fn requests_that_name_no_job_or_cannot_be_read_are_refused_and_change_nothing(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let cycle = json!({"cycle": 1, "reports": 2, "samples": 0});
    stage.tell("POST /cycles", Some(cycle), 202).await;
    for (route, body, status) in [
        ("POST /jobs/delete", Some(json!({})), 422),
        ("POST /jobs/cancel", Some(json!({"ids": []})), 422),
        ("POST /jobs/cancel", Some(json!({"id": [1]})), 422),
        ("POST /jobs/retry", Some(json!({"states": ["lost"]})), 422),
        ("POST /jobs/retry", None, 415),
        (
            "POST /planning",
            Some(json!({"cycle": 1, "report": 99})),
            404,
        ),
        (
            "POST /planning",
            Some(json!({"cycle": 1, "report": 1, "samples": -1})),
            422,
        ),
        (
            "POST /samples",
            Some(json!({"cycle": 1, "report": 1, "each": 0})),
            422,
        ),
        (
            "POST /scraping",
            Some(json!({"crawl": 1, "first": "pages"})),
            422,
        ),
        (
            "POST /cycles",
            Some(json!({"cycle": 1, "reports": 0, "samples": 1})),
            422,
        ),
        ("GET /jobs?state=lost", None, 422),
        ("GET /jobs?limit=many", None, 400),
        ("GET /jobs?colour=red", None, 400),
        ("GET /jobs/first", None, 400),
        ("GET /jobs/99", None, 404),
        ("GET /jobs/99/events", None, 404),
        ("GET /nowhere", None, 404),
        ("DELETE /jobs", None, 405),
    ] {
        let problem = stage.tell(route, body, status).await;
        assert_eq!(problem["status"], status, "{route}: {problem}");
        assert!(
            problem["detail"].as_str().is_some_and(|it| !it.is_empty()),
            "{problem}"
        );
    }
    let jobs = stage.ask("GET /jobs?state=available", 200).await;
    assert_eq!(jobs["jobs"].as_array().expect("jobs").len(), 3);
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn a_request_that_is_repeated_enqueues_one_job(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let cycle = json!({"cycle": 1, "reports": 1, "samples": 0});
    stage.tell("POST /cycles", Some(cycle), 202).await;
    let crawl = || Some(json!({"crawl": 2}));
    let first = stage.tell("POST /scraping", crawl(), 202).await;
    assert_eq!(first["duplicate"], false);
    let second = stage.tell("POST /scraping", crawl(), 202).await;
    assert_eq!(
        (&second["job"], &second["duplicate"]),
        (&first["job"], &json!(true))
    );
}
