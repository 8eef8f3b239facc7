//! The crate `postgres`: sessions that end, answers that are lost, and errors that are ignored.

use std::time::Duration;

use dbop::{Category, ErrorKind, Isolation, Outcome, db_op, transactional};
use dbop_tests::blocking::postgres::{Session, World, exec, number, open, open_at};
use dbop_tests::blocking::{Configure, Gate, postgres::Manager};
use dbop_tests::cluster::Cluster;
use dbop_tests::proxy::{Place, Proxy};
use dbop_tests::{GIVEN_UP, Trouble, eventually};
use futures_util::future::try_join_all;
use tokio::time::timeout;

const NARROW: Configure<Manager> = |builder| builder.max_connections(1).retry_budget(1.0, 1000.0);

#[transactional]
fn transaction(conn: &mut Session, n: i64, runs: &Gate) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    runs.pass();
    exec(conn, &format!("INSERT INTO notes VALUES (-{n}, {n})"))
}

#[db_op]
fn pid(conn: &mut Session) -> dbop::Result<i64> {
    number(conn, "SELECT pg_backend_pid()::bigint")
}

#[tokio::test]
async fn a_session_that_is_terminated_in_the_body_is_replayed_on_another() {
    let world = open(NARROW).await;
    let victim = pid(&world).await.unwrap();
    let runs = Gate::default();
    let killer = async {
        runs.has(1).await;
        world
            .run(&format!("SELECT pg_terminate_backend({victim})"))
            .await;
        let gone = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {victim}");
        eventually("it ends", async || world.seen(&gone).await == 0).await;
        runs.open();
    };
    let (ended, ()) = tokio::join!(transaction(&world, 1, &runs), killer);
    ended.unwrap();
    assert_eq!((runs.passed(), world.rows(1).await), (2, 2));
    assert_ne!(pid(&world).await.unwrap(), victim);
}

/// Returns the process ID of its session once all connections of the pool are in use.
#[db_op(idempotent)]
fn meet(conn: &mut Session, all: &Gate) -> dbop::Result<i64> {
    let pid = number(conn, "SELECT pg_backend_pid()::bigint")?;
    all.pass();
    Ok(pid)
}

/// Makes one attempt only.
#[transactional(retry = never)]
fn at_once(conn: &mut Session, n: i64, runs: &Gate) -> dbop::Result<()> {
    runs.pass();
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))
}

#[db_op(read_only)]
fn reads(conn: &mut Session) -> dbop::Result<i64> {
    number(conn, "SELECT count(*) FROM notes")
}

/// Opens all four connections of the pool, and ends their sessions while they are idle.
async fn with_dead_idle_sessions(world: &World) {
    let all = Gate::default();
    let opener = async {
        all.has(4).await;
        all.open();
    };
    let (pids, ()) = tokio::join!(try_join_all((0..4).map(|_| meet(world, &all))), opener);
    let pids: Vec<_> = pids.unwrap().iter().map(ToString::to_string).collect();
    let pids = pids.join(", ");
    world
        .run(&format!(
            "SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[{pids}]) AS pid"
        ))
        .await;
    let gone = format!("SELECT count(*) FROM pg_stat_activity WHERE pid IN ({pids})");
    eventually("they end", async || world.seen(&gone).await == 0).await;
}

#[tokio::test]
async fn after_idle_sessions_were_terminated_no_call_fails() {
    let world = open(|builder| builder.max_connections(4)).await;
    let (mut n, runs) = (0, Gate::opened());
    for together in [1, 4, 12, 1, 4, 12] {
        with_dead_idle_sessions(&world).await;
        let calls = (0..together).map(|_| {
            n += 1;
            at_once(&world, n, &runs)
        });
        let all = timeout(GIVEN_UP, try_join_all(calls)).await;
        let told = all.expect("the calls end within 30 s");
        told.unwrap_or_else(|error| panic!("of {together} calls: {error}"));
        assert_eq!(
            runs.passed(),
            u32::try_from(n).unwrap(),
            "no body ran twice"
        );
        assert_eq!(world.seen("SELECT count(*) FROM notes").await, n);

        with_dead_idle_sessions(&world).await;
        let all = timeout(GIVEN_UP, try_join_all((0..together).map(|_| reads(&world))));
        let told = all.await.expect("the calls end within 30 s");
        let told = told.unwrap_or_else(|error| panic!("of {together} reads: {error}"));
        assert!(told.iter().all(|counted| *counted == n), "{told:?}");
    }
}

#[db_op]
fn two_statements(conn: &mut Session, n: i64, runs: &Gate) -> dbop::Result<()> {
    transaction_sync(conn, n, runs)
}

#[tokio::test]
async fn an_operation_whose_session_is_terminated_is_unknown_and_not_replayed() {
    let world = open(NARROW).await;
    let victim = pid(&world).await.unwrap();
    let runs = Gate::default();
    let killer = async {
        runs.has(1).await;
        world
            .run(&format!("SELECT pg_terminate_backend({victim})"))
            .await;
        runs.open();
    };
    let (ended, ()) = tokio::join!(two_statements(&world, 1, &runs), killer);
    let error = ended.unwrap_err();
    assert_eq!(
        (error.outcome().unwrap(), error.attempts()),
        (Outcome::Unknown, 1),
        "{error}"
    );
    assert!(error.kind().ends_session(), "{error}");
    assert_eq!(world.rows(1).await, 1);
}

async fn behind_a_proxy() -> (World, Proxy) {
    let fresh = dbop_tests::postgres::fresh_with(|builder| builder).await;
    let proxy = Proxy::before(&fresh.url).await;
    let url = proxy.url.clone();
    (open_at(fresh, &url, NARROW).await, proxy)
}

#[transactional(idempotent)]
fn idempotent(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(
        conn,
        &format!("INSERT INTO notes VALUES ({n}, {n}) ON CONFLICT DO NOTHING"),
    )
}

#[tokio::test]
async fn a_lost_answer_to_commit_is_unknown_and_replayed_only_if_idempotent() {
    let (world, proxy) = behind_a_proxy().await;
    transaction(&world, 1, &Gate::opened()).await.unwrap();
    proxy.lose_answer_to("COMMIT");
    let runs = Gate::opened();
    let error = transaction(&world, 2, &runs).await.unwrap_err();
    assert_eq!(
        (error.category(), error.kind(), error.outcome().unwrap()),
        (
            Category::Ambiguous,
            ErrorKind::CompletionUnknown,
            Outcome::Unknown
        ),
        "{error}"
    );
    assert_eq!((runs.passed(), world.rows(2).await), (1, 2));
    proxy.lose_answer_to("COMMIT");
    idempotent(&world, 3).await.unwrap();
    assert_eq!(world.rows(3).await, 1);
}

/// The connection fails at every message, before it arrives and after.
#[tokio::test]
async fn a_cut_transaction_is_applied_once_or_says_that_its_commit_is_unknown() {
    let (world, proxy) = behind_a_proxy().await;
    transaction(&world, 1, &Gate::opened()).await.unwrap();
    let (mut n, mut unknown) = (1, 0);
    for place in [Place::Before, Place::After] {
        for number in 0.. {
            n += 1;
            let runs = Gate::opened();
            proxy.cut_at(number, place);
            let call = timeout(Duration::from_secs(20), transaction(&world, n, &runs));
            let ended = call.await.expect("an end");
            let Some(passed) = proxy.was_cut() else {
                assert!(number > 10, "{number} messages");
                ended.unwrap();
                break;
            };
            eventually("the server lets go", async || proxy.cut_is_over()).await;
            let context = format!("{place:?} {number}: {:?}", passed.last());
            let rows = world.rows(n).await;
            match ended {
                Ok(()) => assert_eq!(rows, 2, "{context}"),
                Err(error) => {
                    assert_eq!(
                        error.outcome().unwrap(),
                        Outcome::Unknown,
                        "{context}: {error}"
                    );
                    assert!(rows == 0 || rows == 2, "{context}: {rows}");
                    unknown += 1;
                }
            }
        }
    }
    assert!((1..=12).contains(&unknown), "{unknown} are unknown");
}

#[transactional]
#[dbop::allow(swallowed_error, reason = "what becomes of it is what is tested")]
fn swallows(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    exec(conn, "SELECT * FROM nowhere").ok();
    Ok(())
}

#[tokio::test]
async fn a_body_that_swallows_the_error_which_aborted_its_transaction_is_not_believed() {
    let world = open(NARROW).await;
    let before = pid(&world).await.unwrap();
    let error = swallows(&world, 1).await.unwrap_err();
    assert_eq!(
        (error.category(), error.kind(), error.outcome().unwrap()),
        (
            Category::Programming,
            ErrorKind::TransactionAborted,
            Outcome::RolledBack
        ),
        "{error}"
    );
    assert_eq!(world.rows(1).await, 0);
    assert_eq!(pid(&world).await.unwrap(), before);
    transaction(&world, 2, &Gate::opened()).await.unwrap();
}

#[transactional]
#[dbop::allow(manual_transaction, reason = "what becomes of it is what is tested")]
fn begins_again(conn: &mut Session, n: i64, commit: bool) -> dbop::Result<()> {
    let mut inner = conn.transaction()?;
    inner.batch_execute(&format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    if commit {
        inner.commit()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_the_drivers_inside_one_ends_it_and_is_not_believed() {
    let world = open(NARROW).await;
    for commit in [true, false] {
        let error = begins_again(&world, 1 + i64::from(commit), commit)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionState, "{error}");
        assert_eq!(error.outcome().unwrap(), Outcome::Unknown);
    }
    transaction(&world, 9, &Gate::opened()).await.unwrap();
}

#[transactional]
fn swaps_order(conn: &mut Session, first: i64, second: i64, gate: &Gate) -> dbop::Result<()> {
    exec(
        conn,
        &format!("UPDATE notes SET n = n + 1 WHERE id = {first}"),
    )?;
    gate.pass();
    exec(
        conn,
        &format!("UPDATE notes SET n = n + 1 WHERE id = {second}"),
    )
}

/// Opens the gate when two bodies have come to it.
async fn together<T>(gate: &Gate, both: impl Future<Output = T>) -> T {
    let opener = async {
        gate.has(2).await;
        gate.open();
    };
    tokio::join!(both, opener).0
}

#[tokio::test]
async fn the_victim_of_a_deadlock_is_replayed() {
    let world = open(|builder| builder.max_connections(2)).await;
    world.run("INSERT INTO notes VALUES (1, 0), (2, 0)").await;
    let gate = Gate::default();
    let both = async {
        tokio::join!(
            swaps_order(&world, 1, 2, &gate),
            swaps_order(&world, 2, 1, &gate)
        )
    };
    let (first, second) = together(&gate, both).await;
    first.unwrap();
    second.unwrap();
    assert_eq!(world.seen("SELECT sum(n)::bigint FROM notes").await, 4);
    assert_eq!(gate.passed(), 3);
}

#[transactional(isolation = serializable)]
fn counts_and_adds(conn: &mut Session, id: i64, gate: &Gate) -> dbop::Result<i64> {
    let sum = number(conn, "SELECT coalesce(sum(n), 0)::bigint FROM notes")?;
    gate.pass();
    exec(conn, &format!("INSERT INTO notes VALUES ({id}, {sum} + 1)"))?;
    Ok(sum)
}

#[tokio::test]
async fn serializable_is_what_it_says_and_its_conflicts_are_replayed() {
    let world = open(|builder| builder.max_connections(2)).await;
    let gate = Gate::default();
    let both = async {
        tokio::join!(
            counts_and_adds(&world, 1, &gate),
            counts_and_adds(&world, 2, &gate)
        )
    };
    let (first, second) = together(&gate, both).await;
    let mut sums = [first.unwrap(), second.unwrap()];
    sums.sort_unstable();
    assert_eq!(sums, [0, 1]);
    assert!(gate.passed() >= 3);
}

fn shows(conn: &mut Session) -> dbop::Result<[String; 3]> {
    let show = "SELECT current_setting('transaction_isolation'),
        current_setting('transaction_read_only'), current_setting('transaction_deferrable')";
    let row = conn.query_one(show, &[])?;
    Ok([0, 1, 2].map(|column| row.get(column)))
}

#[transactional(read_only, deferrable, isolation = serializable)]
fn deferrable(conn: &mut Session) -> dbop::Result<[String; 3]> {
    shows(conn)
}

#[transactional(isolation = repeatable_read)]
fn repeatable(conn: &mut Session) -> dbop::Result<[String; 3]> {
    shows(conn)
}

#[db_op(read_only)]
fn reading(conn: &mut Session) -> dbop::Result<[String; 3]> {
    shows(conn)
}

#[db_op]
fn usual(conn: &mut Session) -> dbop::Result<[String; 3]> {
    shows(conn)
}

#[tokio::test]
async fn a_session_has_what_the_operation_asks_for_and_afterwards_what_it_had() {
    let world = open(NARROW).await;
    let committed = Isolation::ReadCommitted.to_string().to_lowercase();
    for _ in 0..2 {
        assert_eq!(usual(&world).await.unwrap(), [&*committed, "off", "off"]);
        assert_eq!(
            deferrable(&world).await.unwrap(),
            ["serializable", "on", "on"]
        );
        assert_eq!(
            repeatable(&world).await.unwrap(),
            ["repeatable read", "off", "off"]
        );
        assert_eq!(reading(&world).await.unwrap(), [&*committed, "on", "off"]);
    }
    // A pool that may only read stays one that may only read.
    let url = format!(
        "{}?options=-c%20default_transaction_read_only%3Don",
        world.fresh.url
    );
    let readers = dbop::BlockingDb::builder(dbop_tests::blocking::postgres::manager(&url));
    let readers = readers.max_connections(1).build();
    for _ in 0..2 {
        assert_eq!(reading(&readers).await.unwrap()[1], "on");
        assert_eq!(usual(&readers).await.unwrap()[1], "on");
    }
}

#[transactional(timeout = "1s", retry = never)]
fn commits_late(conn: &mut Session, n: i64, gate: Gate) -> dbop::Result<()> {
    exec(conn, &format!("INSERT INTO notes VALUES ({n}, {n})"))?;
    gate.pass();
    Ok(())
}

/// The deferred trigger makes COMMIT take a long time.
#[tokio::test]
async fn a_commit_that_is_answered_after_the_deadline_is_waited_for() {
    let world = open(NARROW).await;
    world
        .run(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION wait()",
        )
        .await;
    let gate = Gate::default();
    let opener = async {
        gate.has(1).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        gate.open();
    };
    let begun = std::time::Instant::now();
    let (ended, ()) = tokio::join!(commits_late(&world, 1, gate.clone()), opener);
    ended.unwrap();
    assert!(begun.elapsed() > Duration::from_secs(1));
    assert_eq!(world.rows(1).await, 1);
}

#[transactional]
fn breaks_a_deferred_key(conn: &mut Session, n: i64) -> dbop::Result<()> {
    exec(
        conn,
        &format!("INSERT INTO notes VALUES ({n}, {n}); INSERT INTO children VALUES (1, 99)"),
    )
}

#[tokio::test]
async fn a_constraint_that_fails_at_commit_rolls_back() {
    let world = open(NARROW).await;
    world
        .run("CREATE TABLE children (id BIGINT, parent BIGINT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)")
        .await;
    let error = breaks_a_deferred_key(&world, 1).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().unwrap(), error.attempts()),
        (ErrorKind::ForeignKey, Outcome::RolledBack, 1),
        "{error}"
    );
    assert_eq!(world.rows(1).await, 0);
}

#[db_op]
fn fine(conn: &mut Session) -> Result<i64, Trouble> {
    Ok(number(conn, "SELECT 1::bigint")?)
}

#[tokio::test]
async fn calls_that_succeed_leave_no_errors_in_the_servers_log() {
    let cluster = Cluster::start(&[]).await;
    let manager = dbop_tests::blocking::postgres::manager(&cluster.url);
    let db = dbop::BlockingDb::builder(manager)
        .max_connections(1)
        .build();
    for _ in 0..3 {
        assert_eq!(fine(&db).await.unwrap(), 1);
        usual(&db).await.unwrap();
        reading(&db).await.unwrap();
        deferrable(&db).await.unwrap();
    }
    let log = cluster.log();
    for word in ["ERROR", "WARNING"] {
        assert!(!log.contains(word), "{log}");
    }
}

#[tokio::test]
async fn no_message_holds_the_password() {
    let mut url = String::from("postgres://dbop:very-secret@127.0.0.1:1/dbop");
    for kind in [ErrorKind::Connection, ErrorKind::Authentication] {
        let db = dbop::BlockingDb::builder(dbop_tests::blocking::postgres::manager(&url)).build();
        let error = fine(&db).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        for words in [error.to_string(), format!("{error:?}"), format!("{db:?}")] {
            assert!(!words.contains("very-secret"), "{words}");
        }
        let cluster = dbop_tests::postgres::cluster();
        let (_, server) = cluster.rsplit_once('@').expect("a user in the URL");
        url = format!("postgres://dbop:very-secret@{server}");
    }
}
