//! Who holds the connections of a handle, and for how long.

use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use dbop::{
    Alert, AlertKind, Category, Conn, Db, ErrorKind, Outcome, SessionInfo, SessionState, Tx, db_op,
    transactional,
};
use dbop_tests::eventually;
use dbop_tests::trace::Trace;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::super::ENDLESS;
use super::Database;
use super::bank::{self, transfer};
use super::pool::{Gate, HOLD_LINE, hold};
use super::replay::{Failure, Runs, note, notes};

const NEVER: Duration = Duration::from_secs(30);

/// Returns the one connection that is held.
fn only(db: &Db<Database>) -> SessionInfo {
    let mut sessions = db.sessions();
    assert_eq!(sessions.len(), 1, "{sessions:#?}");
    sessions.remove(0)
}

async fn all_are_free(db: &Db<Database>) {
    eventually("all connections are back", || async {
        db.sessions().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_listed_with_its_operation_for_as_long_as_its_call_holds_it() {
    let db = bank::open().await;
    all_are_free(&db).await;
    let gate = Gate::default();
    let (held, ()) = tokio::join!(hold(&*db, &gate), async {
        gate.inside.notified().await;
        let session = only(&db);
        assert_eq!(session.operation, "hold");
        assert!(session.file.ends_with("common/pool.rs"), "{session:?}");
        assert_eq!(session.line, HOLD_LINE);
        assert_eq!((session.attempt, session.read_only), (1, false));
        assert_eq!(session.state, SessionState::IdleInTransaction);
        assert!(session.state_for <= session.held_for, "{session:?}");
        gate.open.notify_one();
    });
    held.unwrap();
    all_are_free(&db).await;
}

#[db_op]
async fn idle(_conn: &mut Conn<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    gate.inside.notify_one();
    gate.open.notified().await;
    Ok(())
}

#[db_op]
async fn run_on(conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    sqlx::query(ENDLESS).execute(&mut *conn).await?;
    Ok(())
}

#[transactional]
#[dbop::allow(
    foreign_await,
    reason = "holds the connection until the test opens the gate"
)]
async fn hand_out(tx: &mut Tx<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    let _conn = tx.conn();
    idle_for(gate).await;
    Ok(())
}

async fn idle_for(gate: &Gate) {
    gate.inside.notify_one();
    gate.open.notified().await;
}

#[tokio::test]
async fn the_state_says_what_a_call_does_with_its_connection() {
    let db = bank::open().await;
    all_are_free(&db).await;
    let gate = Gate::default();
    let (done, ()) = tokio::join!(idle(&*db, &gate), async {
        gate.inside.notified().await;
        assert_eq!(only(&db).state, SessionState::Idle);
        gate.open.notify_one();
    });
    done.unwrap();
    all_are_free(&db).await;
    let (done, ()) = tokio::join!(hand_out(&*db, &gate), async {
        gate.inside.notified().await;
        assert_eq!(only(&db).state, SessionState::HandedOut);
        gate.open.notify_one();
    });
    done.unwrap();
    all_are_free(&db).await;

    let mut running = pin!(run_on(&*db));
    let look = eventually("the statement runs", || async {
        let sessions = db.sessions();
        sessions
            .first()
            .is_some_and(|session| session.state == SessionState::InStatement)
    });
    tokio::select! {
        ended = &mut running => panic!("the statement does not end: {ended:?}"),
        () = look => {}
    }
}

/// Fails in its first run, and waits in its second.
#[transactional]
#[dbop::allow(
    foreign_await,
    reason = "holds the connection until the test opens the gate"
)]
async fn second(tx: &mut Tx<'_, Database>, runs: &Runs, gate: &Gate) -> Result<(), Failure> {
    sqlx::query("SELECT 1").execute(&mut *tx).await?;
    match runs.next() {
        1 => Err(Failure::Stumbled(1)),
        _ => {
            idle_for(gate).await;
            Ok(())
        }
    }
}

#[tokio::test]
async fn a_second_attempt_is_listed_as_such() {
    let db = bank::open().await;
    let (gate, runs) = (Gate::default(), Runs::default());
    let (done, ()) = tokio::join!(second(&*db, &runs, &gate), async {
        gate.inside.notified().await;
        assert_eq!(only(&db).attempt, 2);
        gate.open.notify_one();
    });
    done.unwrap();
}

fn soon_leaking(builder: dbop::DbBuilder<Database>) -> dbop::DbBuilder<Database> {
    builder.leak_threshold(Duration::from_millis(40))
}

#[tokio::test]
async fn a_connection_that_is_held_for_too_long_is_reported_once() {
    let db = bank::open_with(soon_leaking).await;
    let trace = Trace::start();
    let gate = Gate::default();
    let (held, ()) = tokio::join!(hold(&*db, &gate), async {
        gate.inside.notified().await;
        eventually("the leak is reported", || async { db.totals().leaks > 0 }).await;
        // Several looks later it is still the only report.
        eventually("the connection is held for longer", || async {
            only(&db).held_for > Duration::from_millis(200)
        })
        .await;
        gate.open.notify_one();
    });
    held.unwrap();
    assert_eq!(db.totals().leaks, 1);
    let events = trace.events("hold").into_iter();
    let events: Vec<_> = events
        .filter(|event| event.contains_key("dbop.held_ms"))
        .collect();
    let [event] = &events[..] else {
        panic!("one event: {events:#?}");
    };
    assert_eq!(event["dbop.session.state"], "idle_in_transaction");
    assert_eq!(event["code.line.number"], HOLD_LINE.to_string());
    assert!(event["message"].contains("`leak_threshold`"), "{event:#?}");
}

#[transactional(timeout = none)]
#[dbop::allow(foreign_await, reason = "the call is to leak")]
async fn write_and_wait(tx: &mut Tx<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    note(&mut *tx, 1).await?;
    idle_for(gate).await;
    Ok(())
}

#[db_op]
async fn run_on_for_ever(conn: &mut Conn<'_, Database>) -> Result<(), Failure> {
    run_on(&mut *conn).await
}

fn reclaiming(builder: dbop::DbBuilder<Database>) -> dbop::DbBuilder<Database> {
    soon_leaking(builder).reclaim_leaks(true)
}

#[tokio::test]
async fn a_connection_that_is_held_for_too_long_is_taken_back_if_that_is_asked_for() {
    let db = bank::open_with(reclaiming).await;
    let gate = Gate::default();
    let waiting = timeout(NEVER, write_and_wait(&*db, &gate));
    let error = waiting
        .await
        .expect("it is cut off")
        .unwrap_err()
        .database();
    assert_eq!(
        (error.category(), error.kind()),
        (Category::Cancelled, ErrorKind::Reclaimed)
    );
    assert_eq!(error.outcome(), Some(Outcome::RolledBack));
    assert_eq!((error.attempts(), db.totals().leaks), (1, 1));
    all_are_free(&db).await;
    assert_eq!(notes(&db).await, 0);
    transfer(&*db, 1, 2, 1).await.unwrap();
}

#[tokio::test]
async fn a_statement_on_a_connection_that_is_taken_back_is_stopped_and_its_outcome_unknown() {
    let db = bank::open_with(reclaiming).await;
    let running = timeout(NEVER, run_on_for_ever(&*db));
    let error = running
        .await
        .expect("it is cut off")
        .unwrap_err()
        .database();
    assert_eq!(error.kind(), ErrorKind::Reclaimed);
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
    all_are_free(&db).await;
    transfer(&*db, 1, 2, 1).await.unwrap();
}

#[tokio::test]
async fn an_exhausted_pool_names_those_who_hold_connections_longest_first() {
    let configure = |builder: dbop::DbBuilder<Database>| {
        builder
            .max_connections(2)
            .acquire_timeout(Duration::from_secs(1))
    };
    let db = bank::open_with(configure).await;
    let (first, later) = (Gate::default(), Gate::default());
    let held_first = Notify::new();
    let look_later = async {
        held_first.notified().await;
        look(&*db, &later).await
    };
    let (a, b, ()) = tokio::join!(watch(&*db, &first), look_later, async {
        first.inside.notified().await;
        held_first.notify_one();
        later.inside.notified().await;
        let error = refused(&db).await;
        let text = error.to_string();
        let place = |name| {
            text.find(name)
                .unwrap_or_else(|| panic!("no {name} in {text}"))
        };
        assert!(
            place(", held by `watch` (") < place("; by `look` ("),
            "{text}"
        );
        first.open.notify_one();
        later.open.notify_one();
    });
    a.unwrap();
    b.unwrap();
    let listed = &db.last_errors()[0];
    assert_eq!(listed.kind, ErrorKind::PoolExhausted);
    assert!(listed.message.as_ref().unwrap().contains("`watch`"));
    assert!(db.totals().acquire_timeouts >= 1);
}

async fn refused(db: &Db<Database>) -> dbop::Error {
    let third = Gate::default();
    let refused = timeout(NEVER, watch(db, &third));
    let error = refused
        .await
        .expect("the acquire timeout")
        .unwrap_err()
        .database();
    assert_eq!(error.kind(), ErrorKind::PoolExhausted);
    error
}

#[db_op(read_only)]
async fn watch(_conn: &mut Conn<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    idle_for(gate).await;
    Ok(())
}

#[db_op(read_only)]
async fn look(_conn: &mut Conn<'_, Database>, gate: &Gate) -> Result<(), Failure> {
    idle_for(gate).await;
    Ok(())
}

#[transactional]
async fn take(tx: &mut Tx<'_, Database>, number: i64) -> Result<(), Failure> {
    Ok(note(&mut *tx, number).await?)
}

#[tokio::test]
async fn a_failed_call_is_listed_without_the_words_of_the_database() {
    let db = bank::open().await;
    take(&*db, 9).await.unwrap();
    take(&*db, 9).await.unwrap_err();
    let errors = db.last_errors();
    let [failed] = &errors[..] else {
        panic!("one call has failed: {errors:#?}");
    };
    assert_eq!((failed.operation, failed.kind), ("take", ErrorKind::Unique));
    assert_eq!(
        failed.status_code.as_deref(),
        Some(super::super::TAKEN_CODE)
    );
    assert_eq!((failed.outcome, failed.attempts), (Outcome::RolledBack, 1));
    assert_eq!(failed.message, None);
    // An answer of the application's is no error of the database.
    transfer(&*db, 1, 2, 1_000).await.unwrap_err();
    assert_eq!(db.last_errors().len(), 1);
}

static TOLD: Mutex<Vec<(AlertKind, bool)>> = Mutex::new(Vec::new());

#[tokio::test]
async fn a_leak_is_an_alert_until_the_connection_is_back() {
    let configure = |builder| {
        soon_leaking(builder)
            .on_alert(|_: &Alert| panic!("a function for alerts that fails"))
            .on_alert(|alert: &Alert| TOLD.lock().unwrap().push((alert.kind, alert.is_over)))
    };
    let db = bank::open_with(configure).await;
    let (gate, mut alerts) = (Gate::default(), db.alerts());
    let (held, ()) = tokio::join!(hold(&*db, &gate), async {
        gate.inside.notified().await;
        let alert = alerts.recv().await.expect("the handle is there");
        assert_eq!((alert.kind, alert.is_over), (AlertKind::Leak, false));
        assert_eq!((alert.operation, alert.line), ("hold", HOLD_LINE));
        gate.open.notify_one();
    });
    held.unwrap();
    let over = alerts.recv().await.expect("the handle is there");
    assert_eq!((over.kind, over.is_over), (AlertKind::Leak, true));
    eventually("the function was told as well", || async {
        *TOLD.lock().unwrap() == [(AlertKind::Leak, false), (AlertKind::Leak, true)]
    })
    .await;
    drop(db);
    let ended = timeout(NEVER, alerts.recv()).await;
    assert_eq!(ended.expect("the handle is gone"), None);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

static TOLD_LATER: Mutex<Vec<bool>> = Mutex::new(Vec::new());

#[test]
fn a_function_for_alerts_is_told_also_after_the_runtime_in_which_the_handle_was_opened_has_ended() {
    let configure = |builder| {
        soon_leaking(builder)
            // No connection of the first runtime is used again. It would be of no use.
            .max_lifetime(Duration::from_nanos(1))
            .on_alert(|alert: &Alert| TOLD_LATER.lock().unwrap().push(alert.is_over))
    };
    let db = runtime().block_on(bank::open_with(configure));
    runtime().block_on(async {
        let gate = Gate::default();
        let (held, ()) = tokio::join!(hold(&*db, &gate), async {
            gate.inside.notified().await;
            eventually("the leak is told", || async {
                *TOLD_LATER.lock().unwrap() == [false]
            })
            .await;
            gate.open.notify_one();
        });
        held.unwrap();
        eventually("its end is told", || async {
            *TOLD_LATER.lock().unwrap() == [false, true]
        })
        .await;
    });
}

#[tokio::test]
async fn a_function_for_alerts_may_block_and_spawn_and_the_runtime_goes_on() {
    // The function waits for the runtime, and so does a task that it spawns.
    static PASSED: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    static GOES_ON: std::sync::Condvar = std::sync::Condvar::new();
    let db = bank::open_with(|builder| {
        soon_leaking(builder).on_alert(|alert: &Alert| {
            if !alert.is_over {
                PASSED.lock().unwrap().push("blocked");
                let in_vain = |passed: &mut Vec<&str>| !passed.contains(&"runtime");
                let wait = GOES_ON.wait_timeout_while(PASSED.lock().unwrap(), NEVER, in_vain);
                drop(wait);
                tokio::spawn(async { PASSED.lock().unwrap().push("spawned") });
            }
        })
    })
    .await;
    let gate = Gate::default();
    let passed = |what| async move { PASSED.lock().unwrap().contains(&what) };
    let (held, ()) = tokio::join!(hold(&*db, &gate), async {
        eventually("the function runs", || passed("blocked")).await;
        PASSED.lock().unwrap().push("runtime");
        GOES_ON.notify_all();
        eventually("the task runs", || passed("spawned")).await;
        gate.open.notify_one();
    });
    held.unwrap();
}

#[tokio::test]
async fn a_receiver_of_alerts_ends_with_the_handle_and_not_with_what_watches_its_connections() {
    // Long enough that the watch of the leaks rests for longer than this test takes.
    let db = bank::open_with(|builder| builder.leak_threshold(Duration::from_secs(600))).await;
    let mut alerts = db.alerts();
    transfer(&*db, 1, 2, 1).await.unwrap();
    drop(db);
    let ended = timeout(Duration::from_secs(10), alerts.recv()).await;
    assert_eq!(ended.expect("the handle is gone"), None);
}
