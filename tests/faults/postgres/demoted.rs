//! A primary that has become a standby, whose sessions still answer and no longer write.

use std::collections::HashSet;

use dbop::{Db, Tx, db_op, transactional};
use dbop_tests::blocking::postgres::{Session, World, exec, number};
use dbop_tests::blocking::{Gate, postgres as plain};
use dbop_tests::{Fresh, Trouble, eventually, postgres};
use futures_util::future::try_join_all;
use sqlx::{Executor, Postgres};

use super::slots::warm_up;

const SIZE: usize = 8;
const DEMOTE: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";

async fn open() -> Fresh<Postgres> {
    let fresh = postgres::fresh_with(|builder| builder.max_connections(8)).await;
    let notes = "CREATE TABLE notes (id BIGINT PRIMARY KEY, pid BIGINT NOT NULL)";
    fresh.pool().execute(notes).await.expect("the table");
    fresh
}

/// Makes every session of the pool one of a standby, and returns their process IDs.
async fn demote(db: &Db<Postgres>) -> HashSet<i64> {
    warm_up(db, SIZE).await;
    let mut all = Vec::new();
    for _ in 0..SIZE {
        let mut conn = db.pool().acquire().await.expect("an idle connection");
        conn.execute(DEMOTE).await.expect("a setting");
        all.push(conn);
    }
    let mut pids = HashSet::new();
    for conn in &mut all {
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()::bigint");
        pids.insert(pid.fetch_one(&mut **conn).await.expect("a process"));
    }
    drop(all);
    eventually("all are idle again", async || db.pool().num_idle() == SIZE).await;
    assert_eq!(pids.len(), SIZE);
    pids
}

const INSERT: &str = "INSERT INTO notes VALUES ($1, pg_backend_pid()) RETURNING pid";

/// Returns the process ID of the session that has written.
#[transactional(retry(attempts = 2))]
async fn note(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<i64, Trouble> {
    let insert = sqlx::query_scalar(INSERT).bind(id);
    Ok(insert.fetch_one(&mut *tx).await?)
}

/// Like [`note`], with an error that does not say what the server has said.
#[transactional(retry = never)]
async fn note_vaguely(tx: &mut Tx<'_, Postgres>, id: i64) -> Result<i64, Trouble> {
    let insert = sqlx::query_scalar(INSERT).bind(id);
    insert
        .fetch_one(&mut *tx)
        .await
        .map_err(|_| Trouble::Refused)
}

#[tokio::test]
async fn after_a_failover_one_call_meets_a_demoted_session_and_no_other_call_does() {
    let fresh = open().await;
    let demoted = demote(&fresh.db).await;
    // Its second attempt would meet another of them, and there is no third.
    let first = note(&fresh.db, 1).await.expect("the second attempt");
    assert!(!demoted.contains(&first));
    for id in 2..20 {
        let by = note_vaguely(&fresh.db, id).await.expect("the only attempt");
        assert!(!demoted.contains(&by));
    }
}

#[tokio::test]
async fn a_demoted_session_is_not_met_again_where_the_body_hides_what_the_server_says() {
    let fresh = open().await;
    let demoted = demote(&fresh.db).await;
    note_vaguely(&fresh.db, 1).await.expect_err("it is demoted");
    for id in 2..20 {
        let by = note_vaguely(&fresh.db, id).await.expect("the only attempt");
        assert!(!demoted.contains(&by));
    }
}

/// Demotes its session, once all sessions of the pool are in use.
#[db_op(idempotent)]
fn demote_session(conn: &mut Session, all: &Gate) -> dbop::Result<i64> {
    exec(conn, DEMOTE)?;
    all.pass();
    number(conn, "SELECT pg_backend_pid()::bigint")
}

#[transactional(retry(attempts = 2))]
fn write(conn: &mut Session, n: i64) -> dbop::Result<i64> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    number(conn, "SELECT pg_backend_pid()::bigint")
}

#[transactional(retry = never)]
fn write_at_once(conn: &mut Session, n: i64) -> dbop::Result<i64> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    number(conn, "SELECT pg_backend_pid()::bigint")
}

async fn demote_all(world: &World) -> HashSet<i64> {
    let all = Gate::default();
    let calls = try_join_all((0..SIZE).map(|_| demote_session(world, &all)));
    let meet = async {
        all.has(8).await;
        all.open();
    };
    let (demoted, ()) = tokio::join!(calls, meet);
    let demoted: HashSet<_> = demoted.expect("nothing fails").into_iter().collect();
    assert_eq!(demoted.len(), SIZE);
    demoted
}

#[tokio::test]
async fn after_a_failover_one_plain_function_meets_a_demoted_session_and_no_other_does() {
    let world = plain::open(|builder| builder.max_connections(8)).await;
    let demoted = demote_all(&world).await;
    let first = write(&world, 1).await.expect("the second attempt");
    assert!(!demoted.contains(&first));
    for n in 2..20 {
        let by = write_at_once(&world, n).await.expect("the only attempt");
        assert!(!demoted.contains(&by));
    }
}
