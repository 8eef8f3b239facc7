//! Section 2: all contestants do the same work on one SQLite file and one Postgres server.

use std::sync::Arc;

use harness::bank::{Fallible, Place};
use harness::same_work::{Entry, POOL, ROWS, Report, measure};
use harness::{Lock, Options, Promises};

use crate::peers::backon::WithBackon;
use crate::peers::by_hand::ByHand;
use crate::peers::deadpool::Deadpool;
use crate::peers::on_thread::OnThreads;
use crate::peers::promising::Promising;
use crate::peers::sea::Sea;
use crate::peers::spawned::Spawned;
use crate::peers::with_diesel::WithDiesel;
use crate::peers::{dbop, pools};
use crate::place::{File, Server};

const LOCK: Lock = Lock(include_str!("../Cargo.lock"));
/// The crates whose versions are named.
const PEERS: [&str; 9] = [
    "sqlx",
    "backon",
    "sea-orm",
    "diesel",
    "diesel-async",
    "rusqlite",
    "deadpool-sqlite",
    "tokio-rusqlite",
    "libsqlite3-sys",
];

/// The promises of a contestant that has a deadline and retries, and promises nothing about
/// outcomes.
const RETRIES: Promises = Promises {
    deadline: true,
    retry: true,
    outcome: false,
};

pub(crate) async fn run(options: &Options) -> Fallible<String> {
    let file = Arc::new(File::create().await?);
    let sqlite = on_sqlite(&file).await?;
    let mut report = Report::new(options);
    let place: Arc<dyn Place> = file;
    measure(options, "SQLite", &sqlite, &place, &mut report).await?;
    // The threads and connections of SQLite are not to be in the way of Postgres.
    drop((sqlite, place));

    let server = Arc::new(Server::start().await?);
    let version = server.version().await?;
    let postgres = on_postgres(&server).await?;
    let place: Arc<dyn Place> = server;
    measure(options, "Postgres", &postgres, &place, &mut report).await?;
    Ok(report.finish("The same work", &about(&version)))
}

async fn on_sqlite(file: &Arc<File>) -> Fallible<Vec<Entry>> {
    let path = &*file.path;
    let place: Arc<dyn Place> = Arc::<File>::clone(file);
    let pools = async || pools::sqlite(path, POOL).await;
    let (all, none) = (Promises::ALL, Promises::NONE);
    let hand = ByHand(pools().await?);
    let promising = Promising(pools().await?);
    let backon = WithBackon(pools().await?);
    let sea = Sea::on_sqlite(pools().await?);
    let diesel = WithDiesel::on_sqlite(path, POOL)?;
    let on_threads = OnThreads::open(path, POOL).await?;
    Ok(vec![
        Entry::new("dbop", all, dbop::on_sqlite(path, POOL).await?, &place),
        Entry::new("sqlx, same promises", all, promising, &place),
        Entry::new("sqlx", none, hand, &place),
        Entry::new("sqlx + backon", RETRIES, backon, &place),
        Entry::new("sea-orm", none, sea, &place),
        Entry::new("diesel-async", none, diesel, &place),
        Entry::new("deadpool-sqlite", none, Deadpool::open(path, POOL)?, &place),
        Entry::new("tokio-rusqlite", none, on_threads, &place),
        Entry::new(
            "rusqlite, spawn_blocking",
            none,
            Spawned::open(path, POOL)?,
            &place,
        ),
    ])
}

async fn on_postgres(server: &Arc<Server>) -> Fallible<Vec<Entry>> {
    let url = &*server.url;
    let place: Arc<dyn Place> = Arc::<Server>::clone(server);
    let pool = async || pools::postgres(url, POOL).await;
    let (all, none) = (Promises::ALL, Promises::NONE);
    let hand = ByHand(pool().await?);
    let promising = Promising(pools::promising_postgres(url, POOL).await?);
    let backon = WithBackon(pool().await?);
    let sea = Sea::on_postgres(pool().await?);
    let diesel = WithDiesel::on_postgres(url, POOL)?;
    Ok(vec![
        Entry::new("dbop", all, dbop::on_postgres(url, POOL).await?, &place),
        Entry::new("sqlx, same promises", all, promising, &place),
        Entry::new("sqlx", none, hand, &place),
        Entry::new("sqlx + backon", RETRIES, backon, &place),
        Entry::new("sea-orm", none, sea, &place),
        Entry::new("diesel-async", none, diesel, &place),
    ])
}

fn about(postgres: &str) -> String {
    let versions = PEERS.map(|name| LOCK.of(name)).join(", ");
    format!(
        "{versions}; PostgreSQL {postgres}. rusqlite, deadpool-sqlite and tokio-rusqlite are not \
         their newest versions, 0.41, 0.14 and 0.8, because all have to share one libsqlite3-sys \
         with sqlx.\n\n\
         All contestants have {POOL} connections. On SQLite {POOL} connections read and one more \
         writes, in WAL mode, with `synchronous` FULL, foreign keys on, and a busy timeout of 250 \
         ms. Postgres is at READ COMMITTED. Nothing waits for a disk (`fsync = off`, and the file \
         is in memory if there is a /dev/shm), so that the costs of the clients are not hidden. \
         Connections are not tried before each use, except by deadpool-sqlite, which always tries \
         them. The inserts are {ROWS} rows, which the tasks share; each task inserts its part in \
         one transaction."
    )
}
