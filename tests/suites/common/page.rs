//! The page about a database, and the events that its script reads.

use std::time::Duration;

use axum::Router;
use dbop::http::Routes;
use dbop::{Conn, db_op};
use dbop_tests::http::{Exchange, Service};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::timeout;

use super::health::{Gate, hold, serve};
use super::{Database, fresh_with};

const TOKEN: [(&str, &str); 1] = [("authorization", "Bearer s3cret")];

/// Much longer than an event takes.
const EVENTUALLY: Duration = Duration::from_secs(30);

pub(crate) async fn open_page(service: &Service) -> Exchange {
    service.send("GET /monitoring/events", &TOKEN, "").await
}

/// Returns the first event of a page.
pub(crate) async fn event(page: &mut Exchange) -> Value {
    let answer = timeout(EVENTUALLY, page.until("}\n\n")).await;
    let answer = answer.expect("an event");
    let (_, event) = answer.split_once("data: ").expect("an event");
    let (event, _) = event.split_once("\n\n").expect("its end");
    serde_json::from_str(event).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

#[db_op(name = "<script>alert(1)</script>")]
async fn nasty(conn: &mut Conn<'_, Database>, value: &str) -> dbop::Result<()> {
    let sql = sqlx::query("SELECT $1 FROM h0rse_table");
    sql.bind(value).execute(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_shows_nothing_without_the_token() {
    let fresh = fresh_with(|builder| builder).await;
    let service = serve(&fresh).await;
    for (path, kind) in [
        ("/monitoring", "text/html"),
        ("/monitoring/page.css", "text/css"),
        ("/monitoring/page.js", "text/javascript"),
    ] {
        let answer = service.ask(&format!("GET {path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with(kind));
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let refused = service.ask("GET /monitoring/events").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    let off = Routes::new(fresh.db.clone()).into_router();
    let off = Service::start(Router::new().merge(off)).await;
    for path in ["/monitoring", "/monitoring/events"] {
        assert_eq!(off.ask(&format!("GET {path}")).await.status, 404);
    }
}

#[tokio::test]
async fn an_event_shows_sessions_operations_and_errors_without_values_or_messages_of_the_database()
{
    let fresh = fresh_with(|builder| builder.max_connections(2)).await;
    let service = serve(&fresh).await;
    nasty(&fresh.db, "h0rse value").await.unwrap_err();
    let gate = Gate::new();
    let meanwhile = async {
        gate.here.acquire().await.expect("open").forget();
        let mut page = open_page(&service).await;
        let event = event(&mut page).await;
        gate.open.add_permits(1);
        event
    };
    let (held, event) = tokio::join!(hold(&fresh.db, &gate), meanwhile);
    held.unwrap();
    assert!(!event.to_string().contains("h0rse"), "{event}");
    let named = |list: &str, key: &str, name: &str| {
        let list = event[list].as_array().expect("a list");
        list.iter().find(|row| row[key] == name).cloned()
    };
    let session = named("sessions", "operation", "hold").expect("the session");
    assert_eq!(session["read_only"], true);
    assert!(session["file"].as_str().unwrap().ends_with("health.rs"));
    let script = "<script>alert(1)</script>";
    let operation = named("operations", "name", script).expect("the operation");
    assert!(operation["failed"].as_u64() >= Some(1), "{operation}");
    assert!(operation["p99_ms"].as_f64() > Some(0.0), "{operation}");
    let error = named("errors", "operation", script).expect("the error");
    assert_eq!(error["kind"], "undefined_table");
    assert_eq!(event["health"]["status"], "healthy");
    assert!(!event["history"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn pages_do_not_wait_for_one_that_reads_nothing_and_are_limited_in_number() {
    let fresh = fresh_with(|builder| builder).await;
    let service = serve(&fresh).await;
    let mut pages = join_all((0..64).map(|_| open_page(&service))).await;
    // Nobody reads from the other pages.
    event(&mut pages[63]).await;
    for page in &mut pages {
        event(page).await;
    }
    let refused = open_page(&service).await.answer().await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    drop(pages);
    let again = || async {
        open_page(&service)
            .await
            .until("\r\n\r\n")
            .await
            .contains("200 OK")
    };
    dbop_tests::eventually("the places of closed pages are free", again).await;
}

#[tokio::test]
async fn a_page_is_told_what_happens_after_the_end_of_the_runtime_that_made_its_routes() {
    let fresh = fresh_with(|builder| builder).await;
    let routes = Routes::new(fresh.db.clone()).token("s3cret");
    let made = std::thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        runtime.block_on(async { routes.into_router() })
    });
    let service = Service::start(made.join().expect("the routes")).await;
    let event = event(&mut open_page(&service).await).await;
    assert_eq!(event["health"]["status"], "healthy");
}

#[tokio::test]
async fn an_answer_ends_by_itself_so_that_a_server_with_open_pages_can_shut_down() {
    let fresh = fresh_with(|builder| builder).await;
    let service = serve(&fresh).await;
    let page = open_page(&service).await;
    let answer = timeout(EVENTUALLY, page.answer()).await.expect("an end");
    assert!(
        answer.body.matches("data: {").count() > 1,
        "{}",
        answer.body
    );
}
