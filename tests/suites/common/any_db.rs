//! A handle to whichever database the application was started with.

use std::process::{Command, Stdio};
use std::time::Duration;

use dbop::{AnyDb, Category, ErrorKind};

use super::super::{SYSTEM, as_own};
use super::fresh_with;
use super::migrations::migrations;
use super::notes::{self, note};

#[tokio::test]
async fn the_url_says_which_database_is_opened() {
    let fresh = notes::open().await;
    let db = AnyDb::connect(&fresh.url).await.unwrap();
    assert_eq!(db.system(), SYSTEM);
    note(as_own(&db).expect("this database"), 1).await.unwrap();
    assert_eq!(notes::stored(&fresh).await, [1]);
}

/// Returns how long a call waits for a connection, and how old a connection gets.
fn settings(db: &AnyDb) -> (Duration, Option<Duration>) {
    let options = as_own(db).expect("this database").pool().options();
    (options.get_acquire_timeout(), options.get_max_lifetime())
}

const SHORT: Duration = Duration::from_secs(31);
const LONG: Duration = Duration::from_secs(62);

#[tokio::test]
async fn settings_of_the_builder_hold() {
    let fresh = notes::open().await;
    let builder = AnyDb::builder().url(&fresh.url);
    let builder = builder.acquire_timeout(SHORT).max_lifetime(LONG);
    let db = builder.connect().await.unwrap();
    assert_eq!(settings(&db), (SHORT, Some(LONG)));
}

#[tokio::test]
async fn settings_of_one_database_count_more_than_those_of_either() {
    let fresh = notes::open().await;
    let builder = AnyDb::builder()
        .url(&fresh.url)
        .on_sqlite(|builder| builder.max_lifetime(LONG))
        .on_postgres(|builder| builder.max_lifetime(LONG))
        .acquire_timeout(SHORT)
        .max_lifetime(SHORT);
    let db = builder.connect().await.unwrap();
    assert_eq!(settings(&db), (SHORT, Some(LONG)));
}

#[tokio::test]
async fn settings_of_one_database_hold_on_no_other() {
    fn refusal(whose: &str) -> sqlx::Result<()> {
        Err(sqlx::Error::Protocol(format!("the hook of {whose}")))
    }
    let fresh = notes::open().await;
    let builder = AnyDb::builder()
        .url(&fresh.url)
        .on_sqlite(|builder| builder.after_connect(|_| Box::pin(async { refusal("sqlite") })))
        .on_postgres(|builder| {
            builder.after_connect(|_| Box::pin(async { refusal("postgresql") }))
        });
    let text = builder.connect().await.unwrap_err().to_string();
    assert!(text.contains(&format!("the hook of {SYSTEM}")), "{text}");
}

#[tokio::test]
async fn a_handle_of_one_database_becomes_one_of_any_and_leads_to_the_same_pools() {
    let fresh = notes::open().await;
    let db = AnyDb::from(fresh.db.clone());
    note(as_own(&db).expect("this database"), 1).await.unwrap();
    db.close().await;
    let error = note(&*fresh, 2).await.unwrap_err();
    assert_eq!(error.database().kind(), ErrorKind::ShuttingDown);
}

#[tokio::test]
async fn a_url_of_no_database_is_refused_without_its_password() {
    for (url, part) in [
        ("mysql://ada:h0rse@h/shop", "begins with `mysql:`"),
        ("shop.db", "no scheme"),
        ("SQLITE:h0rse", "lower case"),
        ("Postgresql://ada:h0rse@h/shop", "lower case"),
        ("postgres:/ada:h0rse@h/shop", "lacks `//`"),
    ] {
        let builder = AnyDb::builder().url(url);
        let shown = format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.category(), Category::Programming, "{error}");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(error.operation(), Some("connect"));
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
        assert!(!format!("{shown}{text}{error:?}").contains("h0rse"));
    }
    let error = AnyDb::builder().connect().await.unwrap_err();
    assert!(error.to_string().contains("set DATABASE_URL"), "{error}");
}

/// Opens the database of the environment, as several processes do at the same time.
#[tokio::test]
#[ignore = "runs in processes of their own, with an environment"]
async fn starts() {
    let db = AnyDb::from_env().await.unwrap();
    assert_eq!(db.system(), SYSTEM);
    let one_more = "INSERT INTO notes SELECT coalesce(max(id), 0) + 1 FROM notes";
    let set = migrations(&[notes::SCHEMA, one_more, one_more]);
    db.migrate(&set).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn processes_that_start_at_once_from_one_environment_migrate_once() {
    let fresh = fresh_with(|builder| builder).await;
    let binary = std::env::current_exe().unwrap();
    let start = |_| {
        let test = "suites::common::any_db::starts";
        let mut command = Command::new(&binary);
        command.args(["--exact", test, "--ignored"]);
        command
            .env("DATABASE_URL", &fresh.url)
            .stdout(Stdio::piped());
        command.spawn().expect("a process of its own")
    };
    let started: Vec<_> = (0..3).map(start).collect();
    for process in started {
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("1 passed"), "{said}");
    }
    assert_eq!(notes::stored(&fresh).await, [1, 2]);
}

#[tokio::test]
async fn each_database_may_have_migrations_of_its_own() {
    let fresh = fresh_with(|builder| builder).await;
    let db = AnyDb::connect(&fresh.url).await.unwrap();
    let sqlite = migrations(&[notes::SCHEMA, "INSERT INTO notes VALUES (1)"]);
    let postgres = migrations(&[notes::SCHEMA, "INSERT INTO notes VALUES (2)"]);
    db.migrate_each(&sqlite, &postgres).await.unwrap();
    db.close().await;
    let expected = if SYSTEM == "sqlite" { 1 } else { 2 };
    assert_eq!(notes::stored(&fresh).await, [expected]);
}
