//! `#[dbop::test]` on PostgreSQL.

use std::net::TcpListener;
use std::time::Duration;

use dbop::testing::TestDatabase;
use dbop::{AnyDb, Conn, Db, Tx, db_op, transactional};
use dbop_tests::eventually;
use dbop_tests::postgres::cluster;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, Postgres};

use super::child::{Ran, SAYS, Waiting, run, run_on_server};

/// The name of the tests on this database.
pub(crate) const TEST: &str = "postgres";

async fn admin() -> PgConnection {
    let admin = PgConnection::connect(&cluster()).await;
    admin.expect("the cluster of tests/run")
}

async fn exec(sql: String) {
    let done = admin().await.execute(AssertSqlSafe(sql)).await;
    done.expect("a statement");
}

/// Returns the id of the database that the URL names.
async fn home() -> i64 {
    let sql = "SELECT oid::bigint FROM pg_database WHERE datname = current_database()";
    let mut admin = admin().await;
    let id = sqlx::query_scalar(sql).fetch_one(&mut admin);
    id.await.expect("an id")
}

async fn exists(database: &str) -> bool {
    let sql = "SELECT count(*) FROM pg_database WHERE datname = $1";
    let count = sqlx::query_scalar::<_, i64>(sql).bind(database);
    count.fetch_one(&mut admin().await).await.expect("a count") == 1
}

/// Returns a session on a database of the cluster.
async fn session_on(database: &str) -> PgConnection {
    let options: PgConnectOptions = cluster().parse().expect("a URL");
    let connecting = options.database(database).connect().await;
    connecting.expect("a session")
}

/// Returns the name of the database of a child that has failed.
fn kept(ran: &Ran) -> String {
    let cluster = cluster();
    let (credentials, _) = cluster.split_once('@').expect("a password");
    let (_, password) = credentials.rsplit_once(':').expect("a password");
    assert!(!ran.printed.contains(password), "the password is shown");
    let url = ran.between("is kept for 7 days:\n    ", "\n");
    let (_, name) = url.and_then(|url| url.rsplit_once('/')).expect("a URL");
    name.to_owned()
}

/// Drops the database of a child that has failed.
pub(crate) fn forget_kept(ran: &Ran) {
    let name = kept(ran);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        assert!(exists(&name).await, "{name} is gone");
        exec(format!("DROP DATABASE {name}")).await;
    });
}

#[transactional]
async fn put(tx: &mut Tx<'_, Postgres>, id: i64) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO accounts (id, cents) VALUES ($1, 0)");
    insert.bind(id).execute(&mut *tx).await?;
    tx.after_commit(async {});
    Ok(())
}

async fn count(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM accounts");
    count.fetch_one(pool).await.expect("a count")
}

#[dbop::test(migrations = "suites/testing/migrations", fixtures("ada"))]
async fn a_test_begins_with_its_migrations_and_fixtures(db: Db<Postgres>) -> dbop::Result<()> {
    assert_eq!(count(db.pool()).await, 2);
    put(&db, 3).await
}

#[dbop::test(migrations = "suites/testing/migrations")]
async fn a_test_meets_nothing_of_another(pool: PgPool) {
    assert_eq!(count(&pool).await, 0);
    put(&pool, 3).await.expect("a new account");
}

#[dbop::test(migrations = "suites/testing/migrations")]
async fn a_test_on_any_database_runs_on_both(db: AnyDb) {
    let name = std::thread::current()
        .name()
        .expect("of the test")
        .to_owned();
    let expected = match db {
        AnyDb::Sqlite(_) => "::a_test_on_any_database_runs_on_both::sqlite",
        AnyDb::Postgres(_) => "::a_test_on_any_database_runs_on_both::postgres",
    };
    assert!(name.ends_with(expected), "{name}");
}

#[db_op(on = [Sqlite, Postgres])]
async fn add(conn: &mut Conn<'_, DB>, what: &str) -> dbop::Result<i64> {
    let add = sqlx::query_scalar("INSERT INTO counted (what) VALUES ($1) RETURNING id");
    Ok(add.bind(what).fetch_one(&mut *conn).await?)
}

#[dbop::test(migrations(
    sqlite = "suites/testing/counted/sqlite",
    postgres = "suites/testing/counted/postgres"
))]
async fn each_database_may_have_migrations_of_its_own(db: AnyDb) -> dbop::Result<()> {
    assert_eq!(add(&db, "a column that counts by itself").await?, 1);
    Ok(())
}

#[dbop::test(migrations = "suites/testing/migrations")]
#[should_panic(expected = "as it should")]
async fn a_test_may_have_to_panic(db: Db<Postgres>) {
    put(&db, 1).await.expect("a new account");
    panic!("as it should");
}

#[dbop::test(migrations = "suites/testing/migrations")]
async fn a_test_s_transaction_may_be_aborted_by_an_error_that_the_test_expects(
    tx: &mut Tx<'_, Postgres>,
) {
    put(&mut *tx, 1).await.expect("a new account");
    assert_eq!(tx.hooks().count(), 1);
    put(&mut *tx, 1).await.expect_err("the account is there");
}

#[test]
fn a_test_that_leaves_an_advisory_lock_fails_and_says_so() {
    let ran = run("locking::postgres");
    assert!(!ran.passed, "{}", ran.printed);
    let lock = "holds 1 advisory lock(s)";
    assert!(ran.printed.contains(lock), "{}", ran.printed);
    forget_kept(&ran);
}

#[test]
fn of_two_processes_that_need_a_template_at_once_one_migrates_it() {
    let copying = || {
        let ran = run("copying::postgres");
        let said = ran.between(SAYS, "\n").expect("a time");
        said.to_owned()
    };
    let other = std::thread::spawn(copying);
    let here = copying();
    assert_eq!(
        here,
        other.join().expect("a copy"),
        "both are copies of one"
    );
}

#[dbop::test(migrations = "suites/testing/migrations")]
async fn a_test_s_transaction_may_be_of_each_database(tx: &mut Tx<'_, DB>) -> dbop::Result<()> {
    put_one(&mut *tx, 1).await?;
    let pool: Option<&sqlx::Pool<DB>> = None;
    assert!(pool.is_none(), "the body sees `DB`");
    let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM accounts");
    assert_eq!(count.fetch_one(&mut *tx).await?, 1);
    Ok(())
}

#[transactional(on = [Sqlite, Postgres])]
async fn put_one(tx: &mut Tx<'_, DB>, id: i64) -> dbop::Result<()> {
    let insert = sqlx::query("INSERT INTO accounts (id, cents) VALUES ($1, 0)");
    insert.bind(id).execute(&mut *tx).await?;
    Ok(())
}

#[tokio::test]
async fn without_the_right_to_create_databases_a_test_fails_and_names_the_right() {
    let role = format!("dbop_weak_{}", std::process::id());
    exec(format!("CREATE ROLE {role} LOGIN PASSWORD 'weak-secret'")).await;
    let cluster = cluster();
    let (_, server) = cluster.split_once('@').expect("a password");
    let url = format!("postgres://{role}:weak-secret@{server}");
    let ran = run_on_server("passing::postgres", Some(&url));
    exec(format!("DROP ROLE {role}")).await;
    assert!(!ran.passed, "{}", ran.printed);
    let advice = "give the user of DBOP_TEST_DATABASE_URL the right CREATEDB";
    assert!(ran.printed.contains(advice), "{}", ran.printed);
    assert!(!ran.printed.contains("weak-secret"), "{}", ran.printed);
}

#[test]
fn a_server_that_cannot_be_reached_fails_the_test_soon_and_shows_no_password() {
    // One port at which nobody listens, and one at which nobody answers.
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed_port = closed.local_addr().expect("a port").port();
    drop(closed);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("a port").port();
    for port in [closed_port, silent_port] {
        let url = format!("postgres://ada:top-secret@127.0.0.1:{port}/bank");
        let ran = run_on_server("passing::postgres", Some(&url));
        assert!(!ran.passed, "{}", ran.printed);
        let place = format!("127.0.0.1:{port}");
        for part in [place.as_str(), "DBOP_TEST_DATABASE_URL names it"] {
            assert!(ran.printed.contains(part), "no `{part}` in {}", ran.printed);
        }
        assert!(!ran.printed.contains("top-secret"), "{}", ran.printed);
    }
}

#[test]
fn a_url_that_is_not_of_postgres_is_refused_without_its_password() {
    for url in [
        "sqlite::memory:",
        "mysql://ada:top-secret@db/bank",
        "top-secret",
    ] {
        let ran = run_on_server("passing::postgres", Some(url));
        assert!(!ran.passed, "{}", ran.printed);
        let refused = "DBOP_TEST_DATABASE_URL cannot be used";
        assert!(ran.printed.contains(refused), "{}", ran.printed);
        assert!(!ran.printed.contains("top-secret"), "{}", ran.printed);
    }
}

/// Waits until a run drops the database of a process that has ended, or was killed. The server may have
/// yet to notice that.
async fn goes_at_the_next_run(name: &str) {
    eventually("the next run drops the database", async || {
        assert!(run("passing::postgres").passed);
        !exists(name).await
    })
    .await;
}

#[tokio::test]
async fn the_database_of_a_process_that_was_killed_goes_at_the_next_run() {
    let waiting = Waiting::start("waiting::postgres");
    let name = waiting.said.clone();
    assert!(run("passing::postgres").passed);
    assert!(exists(&name).await, "its test still runs");
    waiting.kill();
    goes_at_the_next_run(&name).await;
}

#[tokio::test]
async fn the_database_of_a_failed_test_outlives_the_next_run() {
    let name = kept(&run("failing::postgres"));
    assert!(run("passing::postgres").passed);
    assert!(exists(&name).await);
    // Until it has been kept for long enough.
    let home = home().await;
    let long_ago = format!("made by #[dbop::test]: kept 0 {home}");
    exec(format!("COMMENT ON DATABASE {name} IS '{long_ago}'")).await;
    assert!(run("passing::postgres").passed);
    assert!(!exists(&name).await);
}

#[tokio::test]
async fn a_database_that_is_not_dbops_is_never_dropped() {
    let process = std::process::id();
    let home = home().await;
    let mark = |home: i64| format!("made by #[dbop::test]: live 5 {home}");
    let production = "made by #[dbop::test], and then put into production";
    let all = [
        (format!("dbop_test_unmarked_{process}"), -1, None),
        (
            format!("dbop_test_commented_{process}"),
            -1,
            Some(production.to_owned()),
        ),
        (
            format!("dbop_test_elsewhere_{process}"),
            -1,
            Some(mark(home + 1)),
        ),
        (format!("precious_{process}"), -1, Some(mark(home))),
        (format!("dbop_test_limited_{process}"), 0, None),
        (format!("dbop_test_closed_{process:016x}_x"), 0, None),
        (format!("precious_test_{process:016x}_0"), 0, None),
        (format!("dbop_test_open_{process:016x}_0"), -1, None),
        (
            format!("dbop_test_used_{process:016x}_0"),
            0,
            Some(production.to_owned()),
        ),
    ];
    for (name, limit, comment) in &all {
        exec(format!("CREATE DATABASE {name} CONNECTION LIMIT {limit}")).await;
        if let Some(comment) = comment {
            exec(format!("COMMENT ON DATABASE {name} IS '{comment}'")).await;
        }
    }
    assert!(run("passing::postgres").passed);
    for (name, ..) in &all {
        assert!(exists(name).await, "{name} was dropped");
        exec(format!("DROP DATABASE {name}")).await;
    }
    // A database with both would have been dropped.
    let ours = format!("dbop_test_ours_{process}");
    exec(format!("CREATE DATABASE {ours}")).await;
    exec(format!("COMMENT ON DATABASE {ours} IS '{}'", mark(home))).await;
    assert!(run("passing::postgres").passed);
    assert!(!exists(&ours).await);
}

#[tokio::test]
async fn a_database_that_a_killed_process_has_half_made_goes_at_the_next_run() {
    let run_number = fastrand::i64(..);
    let name = format!("dbop_test_half_{:016x}_0", run_number.cast_unsigned());
    // The database of the URL, and another.
    let mut homes = [admin().await, session_on("postgres").await];
    let lock = format!("SELECT pg_advisory_lock({run_number})");
    for home in &mut homes {
        let locked = home.execute(AssertSqlSafe(lock.as_str())).await;
        locked.expect("a lock");
    }
    exec(format!("CREATE DATABASE {name} CONNECTION LIMIT 0")).await;
    for home in homes {
        assert!(run("passing::postgres").passed);
        assert!(exists(&name).await, "its process lives");
        home.close().await.expect("the end of the session");
    }
    goes_at_the_next_run(&name).await;
}

#[tokio::test]
async fn processes_that_are_killed_at_any_moment_leave_nothing_after_the_next_run() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..12 {
        let churning = Waiting::start("churning_postgres");
        tokio::time::sleep(Duration::from_micros(random.u64(..200_000))).await;
        churning.kill();
    }
    eventually("the next runs drop the databases", async || {
        assert!(run("passing::postgres").passed);
        let sql =
            "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'dbop_test_churning_')";
        let left = sqlx::query_scalar::<_, i64>(sql)
            .fetch_one(&mut admin().await)
            .await;
        left.expect("a count") == 0
    })
    .await;
}

#[tokio::test]
async fn a_database_in_use_is_not_dropped_when_its_process_has_lost_its_session() {
    let waiting = Waiting::start("waiting::postgres");
    let name = waiting.said.clone();
    let mut parts = name.rsplit('_');
    let hex = parts.nth(1).expect("the run");
    let key = u64::from_str_radix(hex, 16).expect("the run").cast_signed();
    let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks
        WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = $1";
    let ended = sqlx::query_scalar::<_, bool>(sql).bind(key);
    let ended = ended.fetch_one(&mut admin().await).await;
    assert!(ended.expect("the session of the process"));
    assert!(run("passing::postgres").passed);
    assert!(exists(&name).await, "its test still runs");
    waiting.kill();
    goes_at_the_next_run(&name).await;
}

#[tokio::test]
async fn only_a_database_that_is_there_and_is_dbops_is_said_to_be_kept() {
    for is_replaced in [false, true] {
        let database = TestDatabase::<Postgres>::fresh("gone", None).await;
        let database = database.expect("a database");
        let name = sqlx::query_scalar("SELECT current_database()::text");
        let name: String = name.fetch_one(database.db().pool()).await.expect("a name");
        exec(format!("DROP DATABASE {name} WITH (FORCE)")).await;
        if is_replaced {
            exec(format!("CREATE DATABASE {name}")).await;
        }
        assert_eq!(database.keep().await.expect("an answer"), None);
        exec(format!("DROP DATABASE IF EXISTS {name}")).await;
    }
}

#[tokio::test]
async fn the_url_of_a_kept_database_leads_to_it_through_a_socket_and_for_any_user() {
    let role = format!("ada@corp/{}", std::process::id());
    let encoded = role.replace('@', "%40").replace('/', "%2F");
    exec(format!(
        "CREATE ROLE \"{role}\" LOGIN CREATEDB PASSWORD 'top-secret'"
    ))
    .await;
    let options: PgConnectOptions = cluster().parse().expect("a URL");
    let folder = sqlx::query_scalar("SHOW unix_socket_directories");
    let folder: String = folder
        .fetch_one(&mut admin().await)
        .await
        .expect("a folder");
    let port = options.get_port();
    let home = options.get_database().expect("a database");
    for url in [
        format!("postgres://{encoded}:top-secret@127.0.0.1:{port}/{home}"),
        format!("postgres://{encoded}:top-secret@localhost/{home}?host={folder}&port={port}"),
    ] {
        let ran = run_on_server("failing::postgres", Some(&url));
        let shown = ran.between("is kept for 7 days:\n    ", "\n");
        let shown = shown.unwrap_or_else(|| panic!("{}", ran.printed));
        assert!(!ran.printed.contains("top-secret"), "{}", ran.printed);
        let shown: PgConnectOptions = shown.parse().expect("a URL");
        let mut kept = shown.password("top-secret").connect().await.expect(&url);
        let name = sqlx::query_scalar("SELECT current_database()::text");
        let name: String = name.fetch_one(&mut kept).await.expect("a name");
        assert!(name.starts_with("dbop_test_failing_"), "{name}");
        kept.close().await.expect("the end of the session");
    }
    // With the template of the role.
    let sql = "SELECT datname::text FROM pg_database WHERE pg_get_userbyid(datdba) = $1";
    let owned = sqlx::query_scalar::<_, String>(sql).bind(&role);
    let owned = owned.fetch_all(&mut admin().await).await;
    for name in owned.expect("names") {
        exec(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
    exec(format!("DROP ROLE \"{role}\"")).await;
}
