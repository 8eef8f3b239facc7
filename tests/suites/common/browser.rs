//! The page about a database, in a browser.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::Router;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::get;
use dbop::Db;
use dbop::http::{Problem, Routes};
use dbop_tests::browser::Browser;
use dbop_tests::eventually;
use dbop_tests::http::Service;
use serde_json::json;
use tokio::sync::Notify;

use super::super::SYSTEM;
use super::Database;
use super::bank::{self, balance, transfer};
use super::pool::{Gate, hold};

const WIDE: (u32, u32) = (1400, 900);
const PHONE: (u32, u32) = (360, 740);

/// Where pictures of the page are kept: `target/pages`.
pub(crate) fn picture(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder.join(format!("{SYSTEM}-{name}.png"))
}

/// Opens the page, gives it the token, and waits until it shows something.
pub(crate) async fn open(browser: &mut Browser, service: &Service) {
    browser.open(&service.url("/monitoring")).await;
    browser
        .until("document.getElementById('ask').hidden === false")
        .await;
    let is_hidden = browser
        .value_of("document.getElementById('main').hidden")
        .await;
    assert_eq!(is_hidden, json!(true));
    let submit = "document.getElementById('token').value = 's3cret';
        document.querySelector('#ask button').click(); true";
    browser.value_of(submit).await;
    browser
        .until("document.getElementById('main').hidden === false")
        .await;
}

/// Waits until a part of the page shows this text.
pub(crate) async fn until_shown(browser: &mut Browser, id: &str, text: &str) {
    let shows = format!(
        "document.getElementById('{id}').innerText.toLowerCase().includes('{}')",
        text.to_lowercase()
    );
    browser.until(&shows).await;
}

pub(crate) async fn is_no_wider_than_the_screen(browser: &mut Browser) {
    let fits = "document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.value_of(fits).await, json!(true));
    let cut =
        "[...document.querySelectorAll('.wide')].filter((it) => it.scrollWidth > it.clientWidth)
        .map((it) => it.innerText)";
    assert_eq!(browser.value_of(cut).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, which `tests/run --browser` installs"]
async fn the_page_takes_a_token_of_any_letters_and_asks_again_after_a_wrong_one() {
    let fresh = bank::open().await;
    let routes = Routes::new(fresh.db.clone()).token("größe €\n");
    let service = Service::start(routes.into_router()).await;
    let mut browser = Browser::start().await;
    browser.open(&service.url("/monitoring")).await;
    for (token, shown) in [
        (
            "größe",
            "byId('refused').textContent.includes('not the token')",
        ),
        ("größe €", "!byId('main').hidden"),
    ] {
        browser.until("!byId('ask').hidden").await;
        let submit = "document.querySelector('#ask button').click(); true";
        let enter = format!("byId('token').value = '{token}'; {submit}");
        browser.value_of(&enter).await;
        browser.until(shown).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, which `tests/run --browser` installs"]
async fn a_page_that_is_told_nothing_says_why() {
    let fresh = bank::open().await;
    let refused = async || {
        let detail = "Too many of these pages are open.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_pages", detail)
    };
    let service = serve_events(&fresh.db, refused).await;
    let mut browser = Browser::start().await;
    browser.open(&service.url("/monitoring")).await;
    until_shown(&mut browser, "freshness", "too many of these pages").await;
}

/// Serves the page, and answers itself when the page asks for events.
async fn serve_events(db: &Db<Database>, events: impl Handler<((),), ()>) -> Service {
    let routes = Routes::new(db.clone()).without_token().into_router();
    let router = Router::new().route("/monitoring/events", get(events));
    Service::start(router.fallback_service::<Router>(routes)).await
}

/// A proxy may do this to events, and a service that ends.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, which `tests/run --browser` installs"]
async fn a_page_whose_events_end_at_once_does_not_ask_without_a_pause() {
    let fresh = bank::open().await;
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let no_events = async move || {
        count.fetch_add(1, Relaxed);
        [("content-type", "text/event-stream")]
    };
    let service = serve_events(&fresh.db, no_events).await;
    let mut browser = Browser::start().await;
    let begun = Instant::now();
    browser.open(&service.url("/monitoring")).await;
    let again = || async { asked.load(Relaxed) >= 4 };
    eventually("the page asks again", again).await;
    let (times, seconds) = (asked.load(Relaxed), begun.elapsed().as_secs());
    assert!(times <= seconds + 2, "{times} times in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, which `tests/run --browser` installs"]
async fn the_page_follows_load_a_full_pool_and_a_leak_on_wide_and_narrow_screens() {
    let configure = |builder: dbop::DbBuilder<Database>| {
        builder
            .max_connections(2)
            .acquire_timeout(Duration::from_millis(300))
            .leak_threshold(Duration::from_millis(500))
    };
    let fresh = bank::open_with(configure).await;
    let service = Service::start(Routes::new(fresh.db.clone()).token("s3cret").into_router()).await;
    let mut browser = Browser::start().await;
    browser.appear(WIDE, false).await;
    open(&mut browser, &service).await;
    until_shown(&mut browser, "status", "healthy").await;

    let db = fresh.db.clone();
    let end = Arc::new(Notify::new());
    let told = Arc::clone(&end);
    let load = tokio::spawn(async move {
        let calls = async {
            loop {
                let _ = transfer(&db, 1, 2, 1).await;
                let _ = transfer(&db, 2, 1, 1_000).await;
                let _ = balance(&db, 1).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! { () = calls => {}, () = told.notified() => {} }
    });
    until_shown(&mut browser, "operations", "transfer").await;
    until_shown(&mut browser, "operations", "application").await;
    browser
        .until("document.querySelectorAll('#latency path').length === 3")
        .await;

    // All connections that write are held, and nobody lets go of them.
    let gates = [Gate::default(), Gate::default()];
    let full = async {
        until_shown(&mut browser, "sessions", "hold").await;
        until_shown(&mut browser, "sessions", "idle in transaction").await;
        until_shown(&mut browser, "status", "degraded").await;
        until_shown(&mut browser, "errors", "pool_exhausted").await;
        let leaks = "[...document.querySelectorAll('#tiles div')].some((tile) =>
            tile.innerText.includes('Held for too long') && !tile.innerText.trim().endsWith('\\n0'))";
        browser.until(leaks).await;
        browser.picture(&picture("full-pool-wide-light")).await;
        let broken = "[...document.querySelectorAll('.place')].filter((it) => it.offsetHeight > 30)
            .map((it) => it.innerText)";
        let broken = browser.value_of(broken).await;
        assert_eq!(broken, json!([]), "on a wide screen, a place has one line");
        is_no_wider_than_the_screen(&mut browser).await;
        browser.appear(PHONE, true).await;
        // A chart is drawn for the width of the page, when the next event comes.
        let redrawn = "document.querySelector('#latency svg').viewBox.baseVal.width <= innerWidth";
        browser.until(redrawn).await;
        until_shown(&mut browser, "sessions", "hold").await;
        is_no_wider_than_the_screen(&mut browser).await;
        browser.picture(&picture("full-pool-phone-dark")).await;
        gates.iter().for_each(|gate| gate.open.notify_one());
    };
    let holders = async {
        let (first, second) = tokio::join!(hold(&fresh.db, &gates[0]), hold(&fresh.db, &gates[1]));
        // On SQLite one connection writes, so only one of the two may have had it.
        assert!(first.is_ok() || second.is_ok());
    };
    tokio::join!(full, holders);
    until_shown(&mut browser, "status", "healthy").await;
    end.notify_one();
    load.await.expect("the load");
}
