//! The page about jobs, in a browser.

use std::sync::Arc;

use dbop::http::Routes;
use dbop::job;
use dbop::jobs::Job;
use dbop_tests::browser::Browser;
use dbop_tests::http::Service;
use serde_json::json;

use super::super::browser::{is_no_wider_than_the_screen, picture, until_shown};
use super::*;

#[job(queue = "reports", max_attempts = 3)]
async fn summarizes_reports(job: &Job<Database>, gate: &Gate, part: u64) -> Result<(), Trouble> {
    let message = format!("Section {part}: asking the model for test attributes");
    job.progress(part * 7 % 20, 20, message).await?;
    gate.pass().await;
    job.progress(20, 20, "written").await?;
    Ok(())
}

#[job(
    queue = "a-queue-with-a-very-long-name-that-nobody-would-choose",
    max_attempts = 1
)]
async fn reads_the_gauges(job: &Job<Database>) -> Result<(), Trouble> {
    job.progress(12_345, 0, "rows read").await?;
    Err(Trouble::Refused)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, which `tests/run --browser` installs"]
async fn the_page_of_jobs_follows_them_on_wide_and_narrow_screens() {
    let fresh = open().await;
    let gate = Arc::new(Gate::default());
    let kinds = ["summarizes_reports", "reads_the_gauges"];
    let working = workers(&fresh, kinds).queue("reports", 4);
    let working = working
        .shared_state(Arc::clone(&gate))
        .start()
        .await
        .unwrap();
    let jobs = (1..=6).map(summarizes_reports::new);
    let jobs = summarizes_reports::enqueue_many(&fresh.db, jobs)
        .await
        .unwrap();
    let later = summarizes_reports::new(7).delay(Duration::from_secs(600));
    later.enqueue(&fresh.db).await.unwrap();
    let failed = reads_the_gauges::enqueue(&fresh.db).await.unwrap().id;
    becomes(&fresh, failed, JobState::Discarded).await;
    for _ in 0..4 {
        gate.arrival().await;
    }

    let routes = Routes::new(fresh.db.clone()).without_token();
    let service = Service::start(routes.into_router()).await;
    let mut browser = Browser::start().await;
    browser.appear((1280, 900), false).await;
    browser.open(&service.url("/monitoring")).await;
    browser.until("!byId('main').hidden").await;
    browser
        .value_of("document.querySelector('nav a').click(); true")
        .await;
    browser
        .until("location.pathname === '/monitoring/jobs' && byId('main').hidden === false")
        .await;
    until_shown(&mut browser, "status", "4 running").await;
    until_shown(&mut browser, "running", "asking the model").await;
    until_shown(&mut browser, "waiting", "scheduled").await;
    until_shown(&mut browser, "failures", "discarded").await;
    let bars = browser
        .value_of("document.querySelectorAll('#running progress').length")
        .await;
    assert_eq!(bars, json!(4));
    is_no_wider_than_the_screen(&mut browser).await;
    browser.picture(&picture("jobs-wide")).await;
    browser.appear((1280, 900), true).await;
    browser.picture(&picture("jobs-dark")).await;
    browser.appear((400, 800), false).await;
    is_no_wider_than_the_screen(&mut browser).await;
    browser.picture(&picture("jobs-narrow")).await;

    gate.open(6);
    for job in jobs {
        becomes(&fresh, job.id, JobState::Completed).await;
    }
    until_shown(&mut browser, "running", "no job runs").await;
    until_shown(&mut browser, "status", "0 running").await;
    browser
        .value_of("document.querySelector('nav a').click(); true")
        .await;
    browser
        .until("location.pathname === '/monitoring' && byId('main').hidden === false")
        .await;
    stop(working).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, which `tests/run --browser` installs"]
async fn the_page_of_jobs_says_that_there_are_no_tables() {
    let fresh = notes::open().await;
    let routes = Routes::new(fresh.db.clone()).without_token();
    let service = Service::start(routes.into_router()).await;
    let mut browser = Browser::start().await;
    browser.open(&service.url("/monitoring/jobs")).await;
    until_shown(&mut browser, "problems", "dbop::jobs::migrate").await;
}
