//! Plans a cycle, serves the API, works for others, or runs the model; `--help` says more.

mod options;

use std::error::Error;
use std::future::IntoFuture;
use std::io::stderr;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dbop::jobs::{JobDatabase, JobInfo, Watcher};
use dbop::{AnyDb, Db};
use options::Options;
use planning::bars::Bars;
use planning::http::Service;
use planning::services::{Clients, Services};
use planning::{analytics, run, scraping};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The database unless somebody names another.
const FILE: &str = "sqlite:planning.sqlite?mode=rwc";

/// How long the client waits for the model, which hangs now and then.
const PATIENCE: Duration = Duration::from_secs(10);

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN);
    log.with_writer(stderr).init();
    match start(options).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("planning: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(options: Options) -> Fallible<ExitCode> {
    if options.mode.model_only {
        let services = Services::start(options.listen, options.behaviour()).await;
        let services = services.map_err(|error| cannot_listen(options.listen, &error))?;
        println!("The model and the site are at {}", services.url());
        tokio::select! {
            () = services.ended() => return Err("the model has ended".into()),
            () = told_to_end() => return Ok(ExitCode::SUCCESS),
        }
    }
    let any = open(&options).await?;
    let own = match &options.model {
        Some(_) => None,
        None => {
            Some(Services::start(SocketAddr::from(([127, 0, 0, 1], 0)), options.behaviour()).await?)
        }
    };
    let url = match (&options.model, &own) {
        (Some(url), _) => url.clone(),
        (None, Some(own)) => own.url(),
        (None, None) => unreachable!("one of them is there"),
    };
    let clients = Clients::new(url, PATIENCE);
    match &any {
        AnyDb::Sqlite(db) => work(db, &any, clients, &options).await,
        AnyDb::Postgres(db) => work(db, &any, clients, &options).await,
    }
}

/// Opens and migrates the database.
async fn open(options: &Options) -> Fallible<AnyDb> {
    let mut builder = AnyDb::builder().url(FILE).env()?;
    if let Some(url) = &options.database {
        builder = builder.url(url.clone());
    }
    let place = match options.database {
        Some(_) => "--database",
        None => "DATABASE_URL",
    };
    let db = builder.connect().await;
    let db = db.map_err(|error| format!("{place}: {error}"))?;
    db.migrate(&planning::MIGRATIONS).await?;
    match &db {
        AnyDb::Sqlite(db) => dbop::jobs::migrate(db).await?,
        AnyDb::Postgres(db) => dbop::jobs::migrate(db).await?,
    }
    Ok(db)
}

/// Works until there is nothing left to do, or until this process is told to end.
async fn work<DB: JobDatabase>(
    db: &Db<DB>,
    any: &AnyDb,
    clients: Clients,
    options: &Options,
) -> Fallible<ExitCode> {
    let working = options.crew().start(db, &clients).await?;
    let done = if options.mode.serve {
        serve(db, any, clients, options).await
    } else if options.mode.worker {
        println!("Works as {}", working.id());
        told_to_end().await;
        Ok(ExitCode::SUCCESS)
    } else {
        tokio::select! {
            planned = plan(db, any, &clients, options) => planned,
            () = told_to_end() => {
                println!("Interrupted. The same command goes on from here.");
                Ok(ExitCode::from(130)) // as shells say it

            }
        }
    };
    working.stop(Duration::from_secs(5)).await;
    let shutdown = db.shutdown(Duration::from_secs(15)).await;
    if !shutdown.is_complete() {
        tracing::warn!(?shutdown, "not everything has ended in time");
    }
    done
}

async fn serve<DB: JobDatabase>(
    db: &Db<DB>,
    any: &AnyDb,
    clients: Clients,
    options: &Options,
) -> Fallible<ExitCode> {
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| cannot_listen(options.listen, &error))?;
    println!("Serves http://{}", listener.local_addr()?);
    let ending = CancellationToken::new();
    let service = Service {
        db: db.clone(),
        any: any.clone(),
        watcher: Watcher::new(db),
        clients,
        ending: ending.clone(),
    };
    let router = service.into_router(options.token.as_deref());
    let end = ending.clone();
    let told = async move {
        told_to_end().await;
        end.cancel(); // or the pages that are open would keep the service alive
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(told);
    // A client that never sends the rest of its request does not keep the service alive.
    let has_waited = async {
        ending.cancelled().await;
        sleep(Duration::from_secs(12)).await;
    };
    tokio::select! {
        ended = server.into_future() => ended?,
        () = has_waited => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Plans the cycle to its end, and says what is there then.
async fn plan<DB: JobDatabase>(
    db: &Db<DB>,
    any: &AnyDb,
    clients: &Clients,
    options: &Options,
) -> Fallible<ExitCode> {
    let of = options.cycle();
    let jobs = run::enqueue(any, of).await?;
    let mut bars = Bars::new();
    let failed = run::follow(&Watcher::new(db), &jobs, |job| bars.show(job)).await?;
    drop(bars);

    let reports = analytics::reports(any, of.cycle).await?;
    let planned = reports.iter().filter(|report| report.planned).count();
    let attributes: i64 = reports.iter().map(|report| report.attributes).sum();
    let samples: i64 = reports.iter().map(|report| report.samples).sum();
    let crawled = scraping::crawled(any, of.cycle).await?;
    let asked = clients.model.counts().await?;
    println!("Cycle {}:", of.cycle);
    println!(
        "  {planned} of {} reports are planned, with {attributes} attributes",
        reports.len()
    );
    println!("  {samples} samples are made");
    println!("  {} of {} pages are read", crawled.read, crawled.found);
    println!(
        "  since it was started, the model was asked {} times, has failed {} times, and was asked {} times \
         for what it had answered already",
        asked.calls, asked.failed, asked.repeated
    );
    Ok(tell_of(&failed))
}

fn tell_of(failed: &[JobInfo]) -> ExitCode {
    for job in failed {
        let why = job.errors.last().map_or("", |last| &*last.error);
        println!("  job {} ({}) is {:?}: {why}", job.id, job.kind, job.state);
    }
    match failed {
        [] => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> String {
    format!(
        "--listen {address}: {error}; choose another address, such as 127.0.0.1:0 for any port that is free"
    )
}

/// Waits for ctrl-c, or for the SIGTERM of a process manager.
async fn told_to_end() {
    let mut terminated = signal(SignalKind::terminate()).expect("a handler of the signal");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
