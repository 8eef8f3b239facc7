//! What Postgres and its driver do by themselves, and what a dbop call does instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use dbop::{Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::{eventually, poll_at_most};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, Postgres};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::common::tried::{Trouble, insert, next_write_is_seen, note, open, stored};
use super::meddler::Meddler;
use super::outside;

const NEVER: Duration = Duration::from_secs(20);

fn code(error: &sqlx::Error) -> String {
    let error = error.as_database_error().expect("an error of the server");
    error.code().expect("a code").into_owned()
}

/// What dbop does:
/// `swallowed::after_an_error_every_statement_is_refused_with_it_and_ok_does_not_commit`.
#[tokio::test]
async fn sqlx_alone_says_ok_to_the_commit_of_an_aborted_transaction() {
    let db = open().await;
    let mut conn = outside(&db).await;
    let mut tx = conn.begin().await.unwrap();
    insert(&mut *tx, 1).await.unwrap();
    insert(&mut *tx, 1).await.unwrap_err();
    tx.commit().await.unwrap();
    assert_eq!(stored(&db).await, [0_i64; 0]);
}

/// What dbop does:
/// `common::tried::a_transaction_dropped_while_it_begins_is_not_handed_to_the_next_borrower`.
#[tokio::test]
async fn sqlx_alone_hands_on_a_transaction_whose_begin_was_dropped() {
    let begin = async |db: &dbop_tests::Fresh<Postgres>, polls| {
        poll_at_most(polls, db.pool().begin()).await.is_some()
    };
    // Often the answer is there before the future can be dropped.
    for round in 0..60 {
        if next_write_is_seen(round % 3 + 1, begin).await == Some(false) {
            return;
        }
    }
    panic!("the reason for our guard is gone");
}

// --- the message that begins a transaction --------------------------------------------------------

/// What dbop does: `deadlines::a_timeout_is_never_sent_as_no_limit`.
#[tokio::test]
async fn to_postgres_less_than_a_millisecond_is_no_limit_at_all() {
    let db = open().await;
    let mut conn = outside(&db).await;
    conn.execute("SET statement_timeout = '0.4ms'")
        .await
        .unwrap();
    let limit: String = sqlx::query_scalar("SHOW statement_timeout")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!(limit, "0");
}

#[tokio::test]
async fn sqlx_alone_poisons_its_pool_with_a_begin_that_failed() {
    let db = open().await;
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(&db.url).await.unwrap();
    let begun = pool.begin_with("BEGIN; SET LOCAL nope_timeout = 1").await;
    assert_eq!(code(&begun.unwrap_err()), "42704");
    assert_eq!(code(&insert(&pool, 1).await.unwrap_err()), "25P02");
}

#[transactional(timeout = "8s")]
async fn note_soon(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *tx, id).await?)
}

#[tokio::test]
async fn a_begin_that_failed_takes_its_connection_along() {
    let fresh = open().await;
    let way = Meddler::before(&fresh.url).await;
    let builder = Db::<Postgres>::builder().url(&way.url).max_connections(1);
    let db = builder.connect().await.unwrap();
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(&way.url).await.unwrap();
    for id in [1, 3] {
        // The limits of the application's own sessions are only made shorter.
        match id {
            1 => way.replace("SET LOCAL lock_timeout", "SET LOCAL nope_timeout"),
            _ => way.replace("set_config('lock_timeout'", "set_config('nope_timeout'"),
        }
        let error = match id {
            1 => note_soon(&db, id).await.unwrap_err(),
            _ => note_soon(&pool, id).await.unwrap_err(),
        };
        let error = error.database();
        assert_eq!(
            (error.attempts(), error.outcome().unwrap()),
            (1, Outcome::RolledBack)
        );
        let next = match id {
            1 => timeout(NEVER, note_soon(&db, id + 1)).await,
            _ => timeout(NEVER, note_soon(&pool, id + 1)).await,
        };
        next.expect("a connection").unwrap();
    }
    assert_eq!(stored(&fresh).await, [2, 4]);
}

#[db_op]
async fn settings(conn: &mut Conn<'_, Postgres>) -> Result<Vec<String>, Trouble> {
    let names = [
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "client_connection_check_interval",
    ];
    let mut settings = Vec::new();
    #[dbop::allow(query_in_loop, reason = "three settings, one for each limit")]
    for name in names {
        let setting = sqlx::query_scalar("SELECT current_setting($1)");
        settings.push(setting.bind(name).fetch_one(&mut *conn).await?);
    }
    Ok(settings)
}

#[tokio::test]
async fn what_is_constant_is_set_when_a_session_opens() {
    let db = open().await;
    assert_eq!(settings(&db.db).await.unwrap(), ["30s", "1min", "100ms"]);
}

// --- COMMIT and time ------------------------------------------------------------------------------

#[transactional(timeout = "600ms")]
async fn note_in_little_time(
    tx: &mut Tx<'_, Postgres>,
    id: i64,
    committed: &Arc<AtomicU32>,
) -> Result<(), Trouble> {
    let committed = Arc::clone(committed);
    tx.after_commit(async move {
        committed.fetch_add(1, SeqCst);
    });
    Ok(insert(&mut *tx, id).await?)
}

#[tokio::test]
async fn an_answer_to_commit_that_comes_after_the_deadline_is_still_the_answer() {
    let fresh = open().await;
    let way = Meddler::before(&fresh.url).await;
    let db = Db::<Postgres>::connect(&way.url).await.unwrap();
    let committed = Arc::default();
    way.hold_answer_to("COMMIT");
    let begun = Instant::now();
    let mut call = std::pin::pin!(note_in_little_time(&db, 1, &committed));
    let past_its_deadline = Duration::from_millis(1_500);
    let early = timeout(past_its_deadline, &mut call).await;
    assert!(
        early.is_err(),
        "the commit did not wait for the answer: {early:?}"
    );
    assert!(begun.elapsed() >= past_its_deadline);
    way.let_go();
    timeout(NEVER, call).await.expect("the answer").unwrap();
    assert_eq!(
        (stored(&fresh).await.as_slice(), committed.load(SeqCst)),
        (&[1][..], 1)
    );
}

#[tokio::test]
async fn an_answer_to_commit_that_never_comes_is_unknown_soon_after_the_deadline() {
    let fresh = open().await;
    let way = Meddler::before(&fresh.url).await;
    let builder = Db::<Postgres>::builder().url(&way.url).max_connections(1);
    let db = builder.connect().await.unwrap();
    let committed = Arc::default();
    way.hold_answer_to("COMMIT");
    let call = timeout(NEVER, note_in_little_time(&db, 1, &committed));
    let ended = call.await.expect("the call ends at its deadline");
    let error = ended.unwrap_err();
    let error = error.database();
    assert_eq!(
        (error.kind(), error.outcome().unwrap()),
        (ErrorKind::CompletionUnknown, Outcome::Unknown)
    );
    assert_eq!(
        committed.load(SeqCst),
        0,
        "the call does not know that it was committed"
    );
    assert_eq!(stored(&fresh).await, [1]);
    way.let_go();
    let next = timeout(NEVER, note(&db, 2)).await;
    next.expect("a connection of its own").unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_while_commit_is_not_answered_frees_its_connection_in_the_end() {
    let fresh = open().await;
    let way = Meddler::before(&fresh.url).await;
    let builder = Db::<Postgres>::builder().url(&way.url).max_connections(1);
    let db = builder.connect().await.unwrap();
    let committed = Arc::default();
    way.hold_answer_to("COMMIT");
    tokio::select! {
        ended = note_in_little_time(&db, 1, &committed) => panic!("no answer: {ended:?}"),
        () = way.until_held() => {}
    }
    way.let_go();
    eventually("the hook", async || committed.load(SeqCst) == 1).await;
    timeout(NEVER, note(&db, 2))
        .await
        .expect("a connection")
        .unwrap();
    assert_eq!(stored(&fresh).await, [1, 2]);
}

// --- savepoints -----------------------------------------------------------------------------------

/// What dbop does: `nesting::a_serialization_failure_in_a_savepoint_replays_the_whole_transaction`.
#[tokio::test]
async fn a_savepoint_that_is_retried_after_a_serialization_failure_never_succeeds() {
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let db = open().await;
        insert(db.pool(), 1).await.unwrap();
        let (mut conn, mut rival) = (outside(&db).await, outside(&db).await);
        let begin = sqlx::AssertSqlSafe(format!("BEGIN ISOLATION LEVEL {level}"));
        conn.execute(begin).await.unwrap();
        conn.execute("SELECT * FROM notes").await.unwrap();
        rival
            .execute("UPDATE notes SET id = id + 50")
            .await
            .unwrap();
        for _ in 0..5 {
            conn.execute("SAVEPOINT work").await.unwrap();
            let tried = conn.execute("UPDATE notes SET id = id + 100").await;
            assert_eq!(code(&tried.unwrap_err()), "40001", "{level}");
            conn.execute("ROLLBACK TO work; RELEASE work")
                .await
                .unwrap();
        }
        // A caller who gives up at this point sees that all went well.
        conn.execute("COMMIT").await.unwrap();
        assert_eq!(stored(&db).await, [51], "{level}");
    }
}

// --- statements whose caller went away ------------------------------------------------------------

#[transactional]
async fn lock_and_sleep(tx: &mut Tx<'_, Postgres>, asleep: &AtomicU32) -> Result<(), Trouble> {
    tx.execute("UPDATE notes SET id = id WHERE true").await?;
    asleep.fetch_add(1, SeqCst);
    tx.execute("SELECT pg_sleep(1000)").await?;
    Ok(())
}

#[db_op]
async fn sleep_with_lock(conn: &mut Conn<'_, Postgres>) -> Result<(), Trouble> {
    conn.execute("WITH locked AS (UPDATE notes SET id = id WHERE true) SELECT pg_sleep(1000)")
        .await?;
    Ok(())
}

/// Returns whether a session of this database sleeps.
async fn somebody_sleeps(watch: &Mutex<PgConnection>) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND state = 'active' AND wait_event = 'PgSleep')";
    let exists = sqlx::query_scalar(sql);
    exists.fetch_one(&mut *watch.lock().await).await.unwrap()
}

#[tokio::test]
async fn the_locks_of_a_statement_whose_caller_went_away_are_free_soon() {
    let db = open().await;
    insert(db.pool(), 1).await.unwrap();
    let watch = Mutex::new(outside(&db).await);
    let asleep = AtomicU32::new(0);
    for in_tx in [true, false] {
        let sleeps = eventually("a sleep", async || somebody_sleeps(&watch).await);
        if in_tx {
            tokio::select! {
                ended = lock_and_sleep(&db.db, &asleep) => panic!("the statement sleeps: {ended:?}"),
                () = sleeps => {}
            }
        } else {
            tokio::select! {
                ended = sleep_with_lock(&db.db) => panic!("the statement sleeps: {ended:?}"),
                () = sleeps => {}
            }
        }
        // By itself, the server would not notice the lost client before the sleep is over.
        let mut other = outside(&db).await;
        other.execute("SET lock_timeout = '10s'").await.unwrap();
        other.execute("UPDATE notes SET id = id").await.unwrap();
        eventually("its end", async || !somebody_sleeps(&watch).await).await;
    }
}

// --- a primary that became a standby --------------------------------------------------------------

#[db_op]
async fn note_op(conn: &mut Conn<'_, Postgres>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *conn, id).await?)
}

/// The sessions of a demoted primary refuse to write. A new session finds the new primary.
#[tokio::test]
async fn a_session_that_can_no_longer_write_is_left_for_a_new_one() {
    let db = open().await;
    for id in 1..=2 {
        let demote = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
        db.pool().execute(demote).await.unwrap();
        let refused = insert(db.pool(), 0).await.unwrap_err();
        assert_eq!(code(&refused), "25006");
        match id {
            1 => note(&db.db, id).await.unwrap(),
            _ => note_op(&db.db, id).await.unwrap(),
        }
    }
    assert_eq!(stored(&db).await, [1, 2]);
}

// --- connections that cannot be opened ------------------------------------------------------------

/// What dbop does: `outage::connecting_to_a_server_that_refuses_ends_soon_and_says_so`.
#[tokio::test]
async fn sqlx_alone_calls_it_a_timeout_of_the_pool_when_a_server_refuses() {
    let db = open().await;
    let port = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let options: sqlx::postgres::PgConnectOptions = db.url.parse().unwrap();
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300));
    let pool = pool.connect_lazy_with(options.host("127.0.0.1").port(port));
    let error = insert(&pool, 1).await.unwrap_err();
    assert!(matches!(error, sqlx::Error::PoolTimedOut), "{error:?}");
}
