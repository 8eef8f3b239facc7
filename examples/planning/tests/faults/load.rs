//! Two hundred plannings at the same time, with a model that takes a second for each and a pool of ten
//! connections.

use std::time::{Duration, Instant};

use dbop::jobs::{JobDatabase, JobState, Watcher};
use dbop::{AnyDb, Conn, Db, ErrorKind, db_op};
use planning::cycles;
use planning::error::PlanningError;
use planning::model::{Behaviour, ModelClient};
use planning::planning::{create_cycle_report_planning, plan};
use planning::run;
use planning::services::{Clients, Services};
use planning::workers::Crew;
use sqlx::{ConnectOptions, Postgres, query_scalar};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{PATIENCE, eventually};

const PLANNINGS: usize = 200;
const REPORTS: i64 = 200;
const POOL: u32 = 10;

/// More than this many connections at once are more than a handful.
const HANDFUL: u32 = 5;

/// The services, and a handle with a pool of ten, whose callers wait for a connection for so long.
async fn open<DB: JobDatabase>(db: &Db<DB>, acquire: Duration) -> (Services, Clients, Db<DB>) {
    let behaviour = Behaviour {
        delay: Duration::from_secs(1),
        failing: 0.0,
        seed: 1,
    };
    let services = Services::start(([127, 0, 0, 1], 0).into(), behaviour).await;
    let services = services.expect("a free port");
    // No question is answered before all are asked, however busy the machine is.
    services.model.hold_answers(true);
    let clients = Clients::new(services.url(), PATIENCE);
    let url = db.pool().connect_options().to_url_lossy().to_string();
    let builder = Db::<DB>::builder().url(url).max_connections(POOL);
    let small = builder.acquire_timeout(acquire).connect().await;
    (services, clients, small.expect("the test's database"))
}

/// Returns the most connections that were in use at any moment of a second: of the pool, and on PostgreSQL
/// of all that the server has for this database, those of the workers included.
async fn peak<DB: JobDatabase>(db: &Db<DB>, outside: &AnyDb) -> u32 {
    let (begun, mut peak) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(1) {
        peak = peak.max(db.pool_status().checked_out);
        if let AnyDb::Postgres(outside) = outside {
            let busy = busy_on_server(outside).await.expect("the server");
            peak = peak.max(u32::try_from(busy).expect("a count"));
        }
        sleep(Duration::from_millis(2)).await;
    }
    peak
}

/// Counts the sessions of this database in which a statement or a transaction runs.
#[db_op(read_only)]
async fn busy_on_server(conn: &mut Conn<'_, Postgres>) -> dbop::Result<i64> {
    let count = query_scalar(
        "SELECT COUNT(*) FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend'
               AND state <> 'idle' AND pid <> pg_backend_pid()",
    );
    Ok(count.fetch_one(&mut *conn).await?)
}

async fn all_have_asked(services: &Services) {
    eventually("all plannings wait for the model", async || {
        services.model.counts().waiting == PLANNINGS
    })
    .await;
}

async fn all_are_planned(any: &AnyDb) {
    for report in 1..=REPORTS {
        let attributes = cycles::attributes(any, 1, report).await.unwrap();
        assert!(attributes.len() >= 6, "report {report}: {attributes:?}");
    }
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn two_hundred_plannings_in_phases_hold_no_connection_while_the_model_thinks(db: Db<DB>) {
    let (services, clients, small) = open(&db, PATIENCE).await;
    let any = AnyDb::from(small.clone());
    cycles::begin(&any, 1, REPORTS).await.unwrap();
    let mut plannings = JoinSet::new();
    for report in 1..=REPORTS {
        let (any, model) = (any.clone(), clients.model.clone());
        plannings.spawn(async move { create_cycle_report_planning(&any, &model, 1, report).await });
    }
    all_have_asked(&services).await;
    let peak = peak(&small, &db.into()).await;
    println!(
        "{PLANNINGS} plannings wait for the model, and {peak} of {POOL} connections are in use"
    );
    assert_eq!(peak, 0);
    services.model.hold_answers(false);
    for planned in plannings.join_all().await {
        planned.unwrap();
    }
    all_are_planned(&any).await;
    small.close().await;
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn two_hundred_jobs_hold_a_handful_of_connections_while_the_model_thinks(db: Db<DB>) {
    let (services, clients, small) = open(&db, PATIENCE).await;
    let any = AnyDb::from(small.clone());
    dbop::jobs::migrate(&small).await.unwrap();
    cycles::begin(&any, 1, REPORTS).await.unwrap();
    let crew = Crew {
        at_once: PLANNINGS,
        noticed_within: Duration::from_secs(60),
    };
    let working = crew.start(&small, &clients).await.unwrap();
    let jobs = (1..=REPORTS).map(|report| plan::new(1, report, 0));
    let jobs = plan::enqueue_many(&any, jobs).await.unwrap();
    all_have_asked(&services).await;
    let peak = peak(&small, &db.into()).await;
    println!(
        "{PLANNINGS} jobs wait for the model, and at most {peak} of {POOL} connections are in use"
    );
    assert!(peak <= HANDFUL, "{peak} connections");
    services.model.hold_answers(false);
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    let watcher = Watcher::new(&small);
    let mut ended = 0;
    let failed = run::follow(&watcher, &ids, |job| {
        ended += usize::from(job.state == JobState::Completed);
    });
    assert!(failed.await.unwrap().is_empty());
    assert_eq!(ended, PLANNINGS);
    all_are_planned(&any).await;
    working.stop(PATIENCE).await;
    small.close().await;
}

/// What must not be done: the transaction waits for the model. `#[transactional]` does not compile with such
/// an await, so this is written over sqlx's own pool.
macro_rules! plan_in_one_transaction {
    ($name:ident, $DB:ty) => {
        async fn $name(
            pool: sqlx::Pool<$DB>,
            model: ModelClient,
            report: i64,
        ) -> Result<(), sqlx::Error> {
            let mut tx = pool.begin().await?;
            let about = cycles::find(&mut tx, 1, report).await.expect("a report");
            let (question, key) = (about.question(), format!("wrong {report}"));
            let proposals = model.propose(&question, &key).await;
            let proposals = proposals.expect("a reliable model");
            let stored = cycles::store(&mut tx, 1, report, &proposals).await;
            stored.expect("a report that is not planned");
            tx.commit().await
        }
    };
}

plan_in_one_transaction!(plan_wrongly_on_sqlite, sqlx::Sqlite);
plan_in_one_transaction!(plan_wrongly_on_postgres, sqlx::Postgres);

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn two_hundred_plannings_in_transactions_that_wait_for_the_model_exhaust_the_pool(
    db: Db<DB>,
) {
    let (services, clients, small) = open(&db, Duration::from_secs(2)).await;
    let any = AnyDb::from(small.clone());
    cycles::begin(&any, 1, REPORTS).await.unwrap();
    let mut plannings = JoinSet::new();
    for report in 1..=REPORTS {
        let (any, model) = (any.clone(), clients.model.clone());
        plannings.spawn(async move {
            match &any {
                AnyDb::Sqlite(db) => plan_wrongly_on_sqlite(db.pool().clone(), model, report).await,
                AnyDb::Postgres(db) => {
                    plan_wrongly_on_postgres(db.pool().clone(), model, report).await
                }
            }
        });
    }
    // On SQLite, one connection writes.
    let holders = small.pool_status().write.max as usize;
    let mut exhausted = 0;
    while exhausted < PLANNINGS - holders {
        let planned = plannings
            .join_next()
            .await
            .expect("one that waits")
            .unwrap();
        match planned {
            Err(sqlx::Error::PoolTimedOut) => exhausted += 1,
            other => panic!("no answer was given yet: {other:?}"),
        }
    }
    assert_eq!(services.model.counts().waiting, holders);
    // Others that need a connection are refused as well, although the database has nothing to do.
    let refused = cycles::store(&any, 1, 1, &[]).await.unwrap_err();
    let PlanningError::Database(refused) = refused else {
        panic!("{refused}");
    };
    assert_eq!(refused.kind(), ErrorKind::PoolExhausted, "{refused}");
    println!("{holders} plannings hold all connections, {exhausted} have got none: {refused}");
    services.model.hold_answers(false);
    while let Some(planned) = plannings.join_next().await {
        planned.unwrap().unwrap();
    }
    small.close().await;
}
