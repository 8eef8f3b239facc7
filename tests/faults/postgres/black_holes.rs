//! A network that stops without a word: no connection is closed, and none is answered any more.

use std::time::Duration;

use dbop::{Conn, Db, ErrorKind, Outcome, Tx, db_op, transactional};
use dbop_tests::proxy::{Failure, Place, Proxy};
use dbop_tests::{Fresh, GIVEN_UP, Trouble, eventually, impatient};
use futures_util::future::join_all;
use sqlx::{Executor, Postgres};
use tokio::sync::Barrier;
use tokio::time::{sleep, timeout};

use super::cuts::has_been_given_back;
use super::slots::{LONG_IDLE, all_can_be_used, warm_up};

const SILENCES: [Failure; 2] = [Failure::Swallow, Failure::Freeze];
const SIZE: u32 = 6;
/// Twice the default of a handle's `close_timeout`.
const CLOSED: Duration = Duration::from_secs(60);

async fn open(size: u32) -> (Fresh<Postgres>, Proxy, Db<Postgres>) {
    let (fresh, url) = super::cuts::open().await;
    let notes = "CREATE TABLE notes (id BIGINT PRIMARY KEY); GRANT ALL ON notes TO hasty";
    fresh.pool().execute(notes).await.expect("the table");
    let proxy = Proxy::before(&url).await;
    let db = impatient(Db::builder().url(&proxy.url).max_connections(size)).connect();
    let db = db.await.expect("the proxy's database");
    (fresh, proxy, db)
}

async fn stored(fresh: &Fresh<Postgres>) -> Vec<i64> {
    let ids = sqlx::query_scalar("SELECT id FROM notes ORDER BY id");
    ids.fetch_all(fresh.pool()).await.expect("the notes")
}

const INSERT: &str = "INSERT INTO notes VALUES ($1)";

#[transactional]
async fn note(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<(), Trouble> {
    sqlx::query(INSERT).bind(id).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn no_slot_is_lost_when_the_network_stops_after_a_commit() {
    for silence in SILENCES {
        let (fresh, proxy, db) = open(SIZE).await;
        let all: Vec<_> = (1..=i64::from(SIZE)).collect();
        for id in &all {
            proxy.fail_at_answer_to("COMMIT", Place::After, silence);
            let told = timeout(GIVEN_UP, note(&db, *id)).await;
            told.expect("the call was answered").unwrap();
        }
        assert!(proxy.accepted() >= SIZE, "each stops another connection");
        // The network works again for new connections, and the silent ones are not used.
        all_can_be_used(&db, 6).await;
        assert_eq!(stored(&fresh).await, all);
        let closed = timeout(GIVEN_UP, db.close()).await;
        closed.expect("every connection has been given up");
    }
}

/// Waits until the network has stopped, and then comes to its `COMMIT` or, for an even id, to
/// another statement first.
#[transactional(timeout = "2s", retry = never)]
#[dbop::allow(foreign_await, reason = "the network stops while it waits")]
async fn note_meanwhile(
    tx: &mut Tx<'_, Postgres>,
    id: i64,
    begun: &Barrier,
    stopped: &Barrier,
) -> Result<(), Trouble> {
    sqlx::query(INSERT).bind(id).execute(&mut *tx).await?;
    begun.wait().await;
    stopped.wait().await;
    if id % 2 == 0 {
        tx.execute("SELECT 1").await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_slot_is_lost_when_the_network_stops_under_all_calls_and_comes_back() {
    let size = usize::try_from(SIZE).expect("small");
    for silence in SILENCES {
        let (fresh, proxy, db) = open(SIZE).await;
        warm_up(&db, size).await;
        let (begun, stopped) = (Barrier::new(size + 1), Barrier::new(size + 1));
        let calls = (1..=i64::from(SIZE)).map(|id| note_meanwhile(&db, id, &begun, &stopped));
        let stop = async {
            begun.wait().await;
            proxy.fail(silence);
            stopped.wait().await;
        };
        let both = async { tokio::join!(join_all(calls), stop) };
        let (told, ()) = timeout(GIVEN_UP, both).await.expect("deadlines");
        for (id, told) in (1..).zip(told) {
            let error = told.expect_err("nobody answers");
            let expected = match id % 2 {
                0 => (ErrorKind::Timeout, Outcome::RolledBack),
                _ => (ErrorKind::CompletionUnknown, Outcome::Unknown),
            };
            let error = error.database();
            assert_eq!(
                (error.kind(), error.outcome().unwrap()),
                expected,
                "{error}"
            );
        }
        proxy.restore();
        all_can_be_used(&db, size).await;
        proxy.let_server_notice();
        assert_eq!(stored(&fresh).await, [0_i64; 0], "no `COMMIT` has arrived");
        let closed = timeout(GIVEN_UP, db.close()).await;
        closed.expect("every connection has been given up");
    }
}

#[tokio::test]
async fn closing_returns_when_nobody_answers_on_a_connection_that_was_given_back() {
    for silence in SILENCES {
        let (_fresh, proxy, db) = open(1).await;
        for id in 1..=3 {
            proxy.cut_at(usize::MAX, Place::Before);
            note(&db, id).await.unwrap();
            eventually("the connection is given back", async || {
                has_been_given_back(&proxy.passed())
            })
            .await;
        }
        // The last message of a call is the answer when sqlx tries the connection.
        let answer = proxy.passed().len() - 1;
        proxy.fail_at(answer, Place::Before, silence);
        note(&db, 4).await.unwrap();
        eventually("it is tried", async || proxy.was_cut().is_some()).await;
        let closed = timeout(GIVEN_UP, db.close()).await;
        closed.expect("what is given back is given up");
    }
}

#[db_op(timeout = "10m", retry = never)]
async fn ask(conn: &mut Conn<'_, Postgres>, asking: &Barrier) -> Result<(), Trouble> {
    conn.execute("SELECT 1").await?;
    asking.wait().await;
    asking.wait().await;
    conn.execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn closing_returns_within_its_limit_when_nobody_answers() {
    let (_fresh, proxy, db) = open(2).await;
    warm_up(&db, 2).await;
    let asking = Barrier::new(2);
    let closing = async {
        asking.wait().await;
        proxy.fail(Failure::Swallow);
        asking.wait().await;
        timeout(CLOSED, db.close()).await
    };
    let (told, closed) = tokio::join!(ask(&db, &asking), closing);
    closed.expect("closing has a limit");
    let cut_off = told.expect_err("nobody answers");
    assert_eq!(cut_off.kind(), ErrorKind::ShuttingDown);
    let late = timeout(GIVEN_UP, note(&db, 1)).await;
    let late = late.expect("the call is refused").unwrap_err();
    assert_eq!(late.kind(), ErrorKind::ShuttingDown);
}

/// Makes one attempt only.
#[transactional(retry = never)]
async fn note_at_once(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<(), Trouble> {
    note(&mut *tx, id).await
}

#[tokio::test]
async fn an_idle_connection_that_nobody_answers_on_is_given_up_and_the_call_gets_another() {
    for silence in SILENCES {
        let (fresh, proxy, db) = open(3).await;
        warm_up(&db, 3).await;
        sleep(LONG_IDLE).await;
        proxy.fail_open(silence);
        // Each call is given one of the three silent connections, and opens another in its place.
        let all = join_all((1..=3).map(|id| note_at_once(&db, id)));
        let told = timeout(GIVEN_UP, all).await;
        for told in told.expect("the calls have 30 s") {
            told.unwrap();
        }
        assert_eq!(stored(&fresh).await, [1, 2, 3]);
        all_can_be_used(&db, 3).await;
    }
}

#[tokio::test]
async fn a_connection_that_was_in_use_a_moment_ago_and_is_silent_costs_no_deadline() {
    for silence in SILENCES {
        let (fresh, proxy, db) = open(3).await;
        warm_up(&db, 3).await;
        proxy.fail_open(silence);
        // Nothing was idle for long, so none of them is tried before its call.
        let all = join_all((1..=3).map(|id| note_at_once(&db, id)));
        let told = timeout(GIVEN_UP, all).await;
        for told in told.expect("the calls have 30 s") {
            told.unwrap();
        }
        assert_eq!(stored(&fresh).await, [1, 2, 3]);
        all_can_be_used(&db, 3).await;
    }
}

#[db_op(read_only, retry = never)]
async fn read_at_once(conn: &mut Conn<'_, Postgres>) -> Result<i64, Trouble> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes");
    Ok(count.fetch_one(&mut *conn).await?)
}

#[tokio::test]
async fn an_operation_without_a_transaction_is_not_given_an_idle_connection_that_is_silent() {
    for silence in SILENCES {
        let (_fresh, proxy, db) = open(3).await;
        warm_up(&db, 3).await;
        sleep(LONG_IDLE).await;
        proxy.fail_open(silence);
        let all = join_all((1..=3).map(|_| read_at_once(&db)));
        let told = timeout(GIVEN_UP, all).await;
        for told in told.expect("the calls have 30 s") {
            assert_eq!(told.unwrap(), 0);
        }
    }
}
