//! Starts the interview service: opens and migrates the database, adds the questions that it comes with,
//! serves requests, and ends in order.
//!
//! ```sh
//! cargo run -p interviews # on the file interviews.sqlite
//! DATABASE_URL=postgres://user:password@localhost/interviews cargo run -p interviews
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use dbop::AnyDb;
use dbop::prometheus::Prometheus;
use interviews::bank::{self, Bank};
use interviews::http::{self, Service};
use interviews::reviewer::{Reviewer, Wake};
use interviews::settings::Settings;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let settings = Settings::from_env()?;
    let prometheus = Prometheus::install()?;
    let db = AnyDb::builder()
        .url("sqlite:interviews.sqlite?mode=rwc")
        .env()?
        .connect()
        .await?;
    db.migrate(&interviews::MIGRATIONS).await?;
    let added = bank::fill(&db, &Bank::included()?).await?;
    db.warm_up().await?;

    let maintenance = db.maintenance().start();
    let wake = Wake::default();
    let reviewer = Reviewer::start(db.clone(), wake.clone());
    let listener = TcpListener::bind(settings.address).await?;
    println!(
        "{added} questions were added to the {} database.",
        db.system()
    );
    introduce(listener.local_addr()?, &settings);
    let service = Service {
        db: db.clone(),
        reviewer: wake,
        token: settings.token,
        prometheus: Some(prometheus),
    };
    let router = service.into_router();
    if !http::serve(listener, router, told_to_end(), Duration::from_secs(12)).await? {
        println!("Some clients have not ended their requests.");
    }

    let shutdown = db.shutdown(Duration::from_secs(15)).await;
    drop(reviewer);
    maintenance.stop().await;
    let (finished, complete) = (shutdown.finished, shutdown.is_complete());
    println!("{finished} calls have finished since then; complete: {complete}");
    Ok(())
}

/// Waits for ctrl-c, or for the SIGTERM of a process manager.
async fn told_to_end() {
    let mut terminated = signal(SignalKind::terminate()).expect("a handler of the signal");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

fn introduce(address: SocketAddr, settings: &Settings) {
    let token = if settings.token_is_new {
        settings.token.expose()
    } else {
        "$ADMIN_TOKEN"
    };
    println!(
        r#"
  http://{address}/monitoring   the page about the database; it asks for the token
  http://{address}/health       and /ready, /metrics

  curl '{address}/questions?role=backend&difficulty=3&limit=2'
  curl '{address}/roles/backend/questions?category=databases'
  curl -H 'Idempotency-Key: "1"' {address}/users --json '{{"name": "Ada", "email": "ada@example.org"}}'
  curl -H 'Idempotency-Key: "2"' {address}/sessions --json '{{"user": "ID", "role": "backend",
      "job_description": "Rust and SQL", "questions": {{"drawn": {{"count": 3}}}}}}'
  curl -H 'Idempotency-Key: "3"' -X POST {address}/sessions/ID/start
  curl -X PUT {address}/sessions/ID/answers/1 --json '{{"body": "It depends."}}'
  curl -H 'Idempotency-Key: "4"' -X POST {address}/sessions/ID/finish
  curl -H "Authorization: Bearer {token}" {address}/admin/report
"#
    );
}
