//! What the recorder of the crate `metrics` is told.
//!
//! Each test has a recorder of its own, for its thread. Its database is its own as well, and so are the
//! names of its pools.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dbop::http::Routes;
use dbop::prometheus::Prometheus;
use dbop::telemetry::{BUCKETS, HISTOGRAMS, observe_pools};
use dbop::{Backend, Conn, Db, DbBuilder, Tx, db_op, guarded, transactional};
use dbop_tests::http::Service;
use dbop_tests::recorder::{Reader, Told, Value};
use dbop_tests::{eventually, poll_at_most};
use metrics::set_default_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use super::super::{UNIQUE_CODE, place_labels, pool_name};
use super::Database;
use super::bank::{self, transfer};
use super::pool::{Gate, hold};
use super::replay::{Failure, Runs, note};

const DURATION: &str = "db.client.operation.duration";
const POOL: &str = "db.client.connection.pool.name";
const SYSTEM: &str = <Database as Backend>::SYSTEM;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

/// The name of the pool of the sessions that write.
fn write_pool(url: &str) -> String {
    format!("{} write", pool_name(url))
}

async fn all_are_free(db: &Db<Database>) {
    eventually("all connections are back", || async {
        db.sessions().is_empty()
    })
    .await;
}

#[transactional]
async fn insert(tx: &mut Tx<'_, Database>, id: i64) -> Result<(), Failure> {
    Ok(note(&mut *tx, id).await?)
}

#[tokio::test]
async fn a_call_tells_its_duration_with_the_names_and_labels_of_opentelemetry() {
    let fresh = bank::open().await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let begun = Instant::now();
    insert(&*fresh, 1).await.unwrap();
    insert(&*fresh, 2).await.unwrap();
    let error = insert(&*fresh, 2).await.unwrap_err().database();
    let took = begun.elapsed().as_secs_f64();

    let told = reader.read();
    let place = place_labels(&fresh.url);
    let mut expected = vec![("db.system.name", SYSTEM), ("db.operation.name", "insert")];
    expected.extend(place.iter().map(|(key, value)| (*key, value.as_str())));
    let found = told.all(DURATION, &[("db.operation.name", "insert")]);
    let [succeeded, failed] = &found[..] else {
        panic!("{error}: {found:#?}");
    };
    assert_eq!(succeeded.unit, Some("seconds"));
    assert_eq!(succeeded.labels, labels(&expected));
    expected.push(("error.type", UNIQUE_CODE));
    expected.push(("db.response.status_code", UNIQUE_CODE));
    assert_eq!(failed.labels, labels(&expected));
    let (Value::Histogram(good), Value::Histogram(bad)) = (&succeeded.value, &failed.value) else {
        panic!("{found:#?}");
    };
    assert_eq!((good.len(), bad.len()), (2, 1));
    let all: Vec<f64> = good.iter().chain(bad).copied().collect();
    assert!(all.iter().all(|value| *value > 0.0), "{all:?}");
    assert!(all.iter().sum::<f64>() <= took, "{all:?} of {took}");
}

#[transactional]
async fn stumble(_tx: &mut Tx<'_, Database>, runs: &Runs) -> Result<(), Failure> {
    match runs.next() {
        run @ 1..=2 => Err(Failure::Stumbled(run)),
        3 => Ok(()),
        _ => Err(Failure::Refused),
    }
}

#[tokio::test]
async fn outcomes_and_retries_are_counted_and_an_error_of_the_application_has_its_kind_as_type() {
    let fresh = bank::open().await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let runs = Runs::default();
    stumble(&*fresh, &runs).await.unwrap();
    stumble(&*fresh, &runs).await.unwrap_err();
    let gate = Gate::default();
    let dropped = poll_at_most(1, hold(&*fresh, &gate)).await;
    assert!(dropped.is_none(), "the gate is shut");

    let told = reader.read();
    let counted = |name, key, value| {
        let labels = [
            ("db.system.name", SYSTEM),
            ("db.operation.name", "stumble"),
            (key, value),
        ];
        told.count(name, &labels)
    };
    assert_eq!(counted("dbop.operation.retries", "dbop.kind", "other"), 2);
    let outcome = |value| counted("dbop.operation.outcomes", "dbop.outcome", value);
    let outcomes = [
        outcome("committed"),
        outcome("rolled_back"),
        outcome("unknown"),
    ];
    assert_eq!(outcomes, [1, 1, 0]);
    for (operation, error_type) in [("stumble", "application"), ("hold", "cancelled")] {
        let labels = [("db.operation.name", operation), ("error.type", error_type)];
        assert_eq!(told.values(DURATION, &labels).len(), 1);
        let failed = told.one(DURATION, &labels);
        assert!(!failed.labels.contains_key("db.response.status_code"));
    }
}

const HELD: Duration = Duration::from_millis(60);

fn narrow(builder: DbBuilder<Database>) -> DbBuilder<Database> {
    builder
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(200))
}

#[tokio::test]
async fn a_pool_tells_how_long_calls_wait_for_connections_and_use_them() {
    let fresh = bank::open_with(narrow).await;
    all_are_free(&fresh).await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let gate = Gate::default();
    let (held, waited, ()) = tokio::join!(
        hold(&*fresh, &gate),
        async {
            gate.inside.notified().await;
            transfer(&*fresh, 1, 2, 1).await
        },
        async {
            tokio::time::sleep(HELD).await;
            gate.open.notify_one();
        }
    );
    held.unwrap();
    waited.unwrap();
    all_are_free(&fresh).await;

    let pool = write_pool(&fresh.url);
    let told = reader.read();
    let pool = [(POOL, pool.as_str())];
    let times = |name| {
        let series = told.one(name, &pool);
        assert_eq!((series.unit, series.labels.len()), (Some("seconds"), 1));
        told.values(name, &pool)
    };
    let waits = times("db.client.connection.wait_time");
    let uses = times("db.client.connection.use_time");
    assert_eq!((waits.len(), uses.len()), (2, 2));
    let longest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    // The call that waits asks a moment after the connection is taken.
    assert!(longest(waits) >= HELD.as_secs_f64() / 2.0, "{waits:?}");
    assert!(longest(uses) >= HELD.as_secs_f64() / 2.0, "{uses:?}");
    assert_eq!(told.count("db.client.connection.timeouts", &pool), 0);
}

#[tokio::test]
async fn a_call_that_has_no_connection_in_time_is_counted_as_a_timeout() {
    let fresh = bank::open_with(narrow).await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let gate = Gate::default();
    let (held, ()) = tokio::join!(hold(&*fresh, &gate), async {
        gate.inside.notified().await;
        transfer_once(&*fresh).await.unwrap_err();
        gate.open.notify_one();
    });
    held.unwrap();
    let told = reader.read();
    let pool = write_pool(&fresh.url);
    let timeouts = told.one("db.client.connection.timeouts", &[(POOL, &pool)]);
    assert_eq!(
        (timeouts.unit, &timeouts.value),
        (Some("count"), &Value::Counter(1))
    );
    let labels = [
        ("db.operation.name", "transfer_once"),
        ("error.type", "pool_exhausted"),
    ];
    assert_eq!(told.values(DURATION, &labels).len(), 1);
}

#[transactional(retry = never)]
async fn transfer_once(tx: &mut Tx<'_, Database>) -> Result<(), Failure> {
    Ok(note(&mut *tx, 7).await?)
}

#[tokio::test]
async fn a_pool_tells_how_long_it_takes_to_open_a_connection() {
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let begun = Instant::now();
    let fresh = bank::open().await;
    let took = begun.elapsed().as_secs_f64();
    let told = reader.read();
    let pool = write_pool(&fresh.url);
    let opened = told.values("db.client.connection.create_time", &[(POOL, &pool)]);
    assert_eq!(opened.len(), 1);
    assert!(opened[0] > 0.0 && opened[0] <= took, "{opened:?} of {took}");

    // An idle connection is not opened again.
    all_are_free(&fresh).await;
    transfer(&*fresh, 1, 2, 1).await.unwrap();
    let again = reader.read();
    let name = "db.client.connection.create_time";
    assert_eq!(again.values(name, &[(POOL, &pool)]).len(), 0);
    // The pool of the sessions that read opens its own.
    bank::balance(&*fresh, 1).await.unwrap();
    let read = format!("{} read", pool_name(&fresh.url));
    assert_eq!(reader.read().values(name, &[(POOL, &read)]).len(), 1);
}

/// Returns the numbers of a pool: used, idle, most, waiting.
#[track_caller]
fn numbers(told: &Told, pool: &str) -> [f64; 4] {
    let pool = (POOL, pool);
    let state = |state| {
        let labels = [pool, ("db.client.connection.state", state)];
        told.gauge("db.client.connection.count", &labels)
    };
    let max = told.gauge("db.client.connection.max", &[pool]);
    let pending = told.gauge("db.client.connection.pending_requests", &[pool]);
    [state("used"), state("idle"), max, pending]
}

#[tokio::test]
async fn the_numbers_of_a_pool_are_those_of_the_moment_in_which_they_are_observed() {
    let fresh = bank::open_with(|builder| builder.max_connections(1)).await;
    let pool = write_pool(&fresh.url);
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let observed = || {
        observe_pools();
        numbers(&reader.read(), &pool)
    };
    eventually("the connection is idle", || async {
        observed() == [0.0, 1.0, 1.0, 0.0]
    })
    .await;
    let gate = Gate::default();
    let (held, waited, ()) = tokio::join!(
        hold(&*fresh, &gate),
        async {
            gate.inside.notified().await;
            transfer(&*fresh, 1, 2, 1).await
        },
        async {
            eventually("one call holds the connection and one waits", || async {
                observed() == [1.0, 0.0, 1.0, 1.0]
            })
            .await;
            gate.open.notify_one();
        }
    );
    held.unwrap();
    waited.unwrap();
    observe_pools();
    let count = reader.read();
    let count = count.all("db.client.connection.count", &[(POOL, &pool)]);
    assert!(count.iter().all(|series| series.unit == Some("count")));

    drop(fresh);
    eventually("a pool that is gone has no connections", || async {
        observed() == [0.0, 0.0, 0.0, 0.0]
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_held_for_too_long_is_counted_as_a_leak_of_its_pool() {
    let fresh = bank::open_with(|builder| builder.leak_threshold(Duration::from_millis(40))).await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let gate = Gate::default();
    let (held, ()) = tokio::join!(hold(&*fresh, &gate), async {
        gate.inside.notified().await;
        eventually("the leak is reported", || async {
            fresh.totals().leaks > 0
        })
        .await;
        gate.open.notify_one();
    });
    held.unwrap();
    let pool = write_pool(&fresh.url);
    let leaks = reader
        .read()
        .count("dbop.connection.leaks", &[(POOL, &pool)]);
    assert_eq!(leaks, fresh.totals().leaks);
}

#[tokio::test]
async fn a_recorder_that_is_installed_after_the_first_calls_is_told_of_the_later_ones() {
    let fresh = bank::open().await;
    transfer(&*fresh, 1, 2, 1).await.unwrap();
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    transfer(&*fresh, 1, 2, 1).await.unwrap();
    transfer(&*fresh, 1, 2, 1).await.unwrap();
    let told = reader.read();
    let calls = told.values(DURATION, &[("db.operation.name", "transfer")]);
    assert_eq!(calls.len(), 2);
}

#[db_op]
async fn look(conn: &mut Conn<'_, Database>, id: i64) -> Result<(), Failure> {
    let cents = sqlx::query("SELECT cents FROM accounts WHERE id = $1");
    cents.bind(id).fetch_one(&mut *conn).await?;
    Ok(())
}

#[tokio::test]
async fn a_call_on_a_pool_of_the_callers_own_tells_its_duration_and_which_product_it_was_for() {
    let fresh = bank::open().await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    look(fresh.pool(), 1).await.unwrap();
    let told = reader.read();
    let found = told.one(DURATION, &[("db.operation.name", "look")]);
    let expected = [("db.system.name", SYSTEM), ("db.operation.name", "look")];
    assert_eq!(found.labels, labels(&expected));
    assert_eq!(
        told.0
            .iter()
            .filter(|series| series.labels.contains_key(POOL))
            .count(),
        0
    );
}

#[tokio::test]
async fn labels_contain_no_values_and_no_secrets_and_do_not_grow_with_the_calls() {
    let fresh = bank::open().await;
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let each_way = async |id: i64| {
        insert(&*fresh, id).await.unwrap();
        insert(&*fresh, id).await.unwrap_err();
        look(&*fresh, id).await.unwrap_err();
        observe_pools();
        let ours = [fresh.url.clone(), pool_name(&fresh.url)];
        // The pools of other tests come and go.
        let told = reader.read().0.into_iter().filter(|series| {
            let pool = series.labels.get(POOL);
            pool.is_none_or(|pool| ours.iter().any(|ours| pool.starts_with(ours)))
        });
        told.map(|series| (series.name, series.labels))
            .collect::<Vec<_>>()
    };
    let first = each_way(77_001).await;
    for id in 77_002..77_020 {
        assert_eq!(each_way(id).await, first);
    }
    let text = format!("{first:?}");
    assert!(!text.contains("7700"), "{text}");
    if let Some((_, credentials)) = fresh.url.split_once("://")
        && let Some((credentials, _)) = credentials.split_once('@')
    {
        let (_, password) = credentials.split_once(':').expect("a password");
        assert!(!text.contains(password), "{text}");
    }
}

/// Returns the value of one line of the text for Prometheus, which has these labels beside others.
#[track_caller]
fn sample(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let label = |(key, value): &(&str, &str)| format!("{key}=\"{value}\"");
    let labels: Vec<_> = labels.iter().map(label).collect();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with(&format!("{name}{{")))
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .collect();
    let [line] = lines[..] else {
        panic!("{name} {labels:?}: {lines:#?} in\n{text}");
    };
    let (_, value) = line.rsplit_once(' ').expect("a value");
    value.parse().expect("a number")
}

#[guarded]
async fn ask() -> dbop::Result<()> {
    Ok(())
}

#[tokio::test]
async fn the_text_for_prometheus_has_names_with_units_types_help_and_buckets() {
    let fresh = bank::open().await;
    let recorder = Prometheus::builder().build_recorder();
    let prometheus = Prometheus::from(recorder.handle());
    let _here = set_default_local_recorder(&recorder);
    for _ in 0..3 {
        transfer(&*fresh, 1, 2, 1).await.unwrap();
    }
    insert(&*fresh, 1).await.unwrap();
    insert(&*fresh, 1).await.unwrap_err();
    ask().await.unwrap();
    all_are_free(&fresh).await;
    let text = prometheus.render();

    for name in HISTOGRAMS {
        let name = format!("{}_seconds", name.replace('.', "_"));
        assert!(
            text.contains(&format!("# TYPE {name} histogram\n")),
            "{text}"
        );
        assert!(text.contains(&format!("# HELP {name} ")), "{text}");
    }
    for (name, kind) in [
        ("db_client_connection_count", "gauge"),
        ("db_client_connection_max", "gauge"),
        ("db_client_connection_pending_requests", "gauge"),
        ("db_client_connection_timeouts_total", "counter"),
        ("dbop_operation_outcomes_total", "counter"),
        ("dbop_connection_leaks_total", "counter"),
    ] {
        assert!(
            text.contains(&format!("# TYPE {name} {kind}\n")),
            "{name}: {text}"
        );
        assert!(text.contains(&format!("# HELP {name} ")), "{name}: {text}");
    }
    let duration = "db_client_operation_duration_seconds";
    let transfers = [
        ("db_operation_name", "transfer"),
        ("db_system_name", SYSTEM),
    ];
    assert_eq!(sample(&text, &format!("{duration}_count"), &transfers), 3.0);
    assert!(sample(&text, &format!("{duration}_sum"), &transfers) > 0.0);
    let mut below = 0.0;
    for bound in BUCKETS {
        let bound = bound.to_string();
        let [operation, _] = transfers;
        let bucket = [operation, ("le", bound.as_str())];
        let count = sample(&text, &format!("{duration}_bucket"), &bucket);
        assert!((below..=3.0).contains(&count), "{text}");
        below = count;
    }
    let failed = [("db_operation_name", "insert"), ("error_type", UNIQUE_CODE)];
    assert_eq!(sample(&text, &format!("{duration}_count"), &failed), 1.0);

    let pool = write_pool(&fresh.url);
    let pool = ("db_client_connection_pool_name", pool.as_str());
    let used = sample(
        &text,
        "db_client_connection_use_time_seconds_count",
        &[pool],
    );
    assert_eq!(used, 5.0);
    let idle = ("db_client_connection_state", "idle");
    let used = ("db_client_connection_state", "used");
    let connections = |state| sample(&text, "db_client_connection_count", &[pool, state]);
    let max = sample(&text, "db_client_connection_max", &[pool]);
    assert!(connections(idle) + connections(used) <= max, "{text}");
    assert!(connections(idle) + connections(used) >= 1.0, "{text}");
}

#[tokio::test]
async fn the_route_for_prometheus_needs_the_token_and_the_applications_consent() {
    let fresh = bank::open().await;
    let recorder = Prometheus::builder().build_recorder();
    let _here = set_default_local_recorder(&recorder);
    transfer(&*fresh, 1, 2, 1).await.unwrap();
    let routes = Routes::new(fresh.db.clone()).token("s3cret");
    let without = Service::start(routes.clone().into_router()).await;
    let with = routes.metrics(Prometheus::from(recorder.handle()));
    let with = Service::start(with.into_router()).await;

    let token = [("authorization", "Bearer s3cret")];
    let metrics = "GET /metrics";
    let answer = without.send(metrics, &token, "").await.answer().await;
    assert_eq!(answer.status, 404);
    assert_eq!(with.ask(metrics).await.status, 401);
    let answer = with.send(metrics, &token, "").await.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let transfers = [("db_operation_name", "transfer")];
    let calls = "db_client_operation_duration_seconds_count";
    assert_eq!(sample(&answer.body, calls, &transfers), 1.0);
}

#[tokio::test]
async fn the_application_may_name_the_pools_of_a_handle() {
    let recorder = DebuggingRecorder::new();
    let (_here, reader) = (set_default_local_recorder(&recorder), Reader::of(&recorder));
    let fresh = bank::open_with(|builder| builder.pool_name("jobs")).await;
    bank::balance(&*fresh, 1).await.unwrap();
    let told = reader.read();
    for pool in ["jobs write", "jobs read"] {
        let waits = told.values("db.client.connection.wait_time", &[(POOL, pool)]);
        assert_eq!(waits.len(), 1, "{pool}");
    }
    let unnamed = write_pool(&fresh.url);
    let unnamed = told.all("db.client.connection.wait_time", &[(POOL, &unnamed)]);
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
