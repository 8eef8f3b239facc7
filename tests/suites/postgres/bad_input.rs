//! URLs that lead nowhere, and passwords that no message may show.

use dbop::ErrorKind;
use dbop_tests::postgres::cluster;
use sqlx::{Connection, Executor, PgConnection};

use super::common::bad_input::refuses;
use super::common::bank;

/// The password, and its form in a URL.
const PASSWORD: [&str; 2] = ["c0rrect/h0rse@?#", "c0rrect%2Fh0rse%40%3F%23"];

fn server() -> String {
    let url = cluster();
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_repeated() {
    let fresh = bank::open().await;
    let role = format!("role_{}", std::process::id());
    let mut admin = PgConnection::connect(&fresh.url).await.unwrap();
    let create = format!("CREATE ROLE {role} LOGIN PASSWORD 'battery'");
    admin.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
    let database = fresh.url.rsplit_once('/').unwrap().1;
    let [plain, encoded] = PASSWORD;
    let url = format!("postgres://{role}:{encoded}@{}/{database}", server());
    let parts = ["refused user", &role, "password", "(28P01)", &server()];
    refuses(
        &url,
        ErrorKind::Authentication,
        &parts,
        &[plain, encoded, "h0rse"],
    )
    .await;
    let drop = format!("DROP ROLE {role}");
    admin.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
}

#[tokio::test]
async fn a_missing_database_is_named() {
    let url = cluster();
    let (front, _) = url.rsplit_once('/').unwrap();
    let password = front
        .rsplit_once('@')
        .unwrap()
        .0
        .rsplit_once(':')
        .unwrap()
        .1;
    let url = format!("{front}/no_such_database");
    let parts = ["no database `no_such_database`", "create it", &server()];
    refuses(&url, ErrorKind::UndefinedObject, &parts, &[password]).await;
}

#[tokio::test]
async fn an_address_where_nobody_is_is_named() {
    let [plain, encoded] = PASSWORD;
    let secrets = [plain, encoded, "h0rse"];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("postgres://me:{encoded}@127.0.0.1:{port}/db");
    let place = format!("127.0.0.1:{port}");
    refuses(
        &url,
        ErrorKind::Connection,
        &["refused", &place, "running"],
        &secrets,
    )
    .await;
    let url = format!("postgresql://me:{encoded}@127.0.0.1:{port}/db");
    refuses(&url, ErrorKind::Connection, &[&place], &secrets).await;
    // This address is reserved for documentation (RFC 5737): it is unreachable, or never answers.
    let url = format!("postgres://me:{encoded}@192.0.2.1:5432/db");
    refuses(&url, ErrorKind::Connection, &["192.0.2.1:5432"], &secrets).await;
    // This name is reserved and never exists (RFC 6761).
    let url = format!("postgres://me:{encoded}@nowhere.invalid:5432/db");
    let error = dbop::Db::<sqlx::Postgres>::connect(&url).await.unwrap_err();
    let words = super::common::bad_input::all_words(&error);
    assert!(error.to_string().contains("nowhere.invalid"), "{error}");
    assert!(!words.contains("h0rse"), "{words}");
}

#[tokio::test]
async fn a_malformed_url_shows_the_form_of_a_good_one_and_no_password() {
    let [plain, encoded] = PASSWORD;
    let secrets = [plain, encoded, "h0rse"];
    for url in [
        format!("postgres://me:{encoded}@host:port/db"),
        format!("postgres://me:{plain}@host/db"),
        format!("postgres://me:{encoded}@host:99999/db"),
        format!("postgres://me:{encoded}@[::1/db"),
        format!("postgres://me:{encoded}@host/db?sslmode=wrong"),
        format!("postgres://host/db?password={encoded}&sslmode=wrong"),
        format!("postgres:me:{encoded}"),
        format!("Postgres//me:{encoded}@host"),
        format!("sqlite:{encoded}"),
        format!("me:{encoded}@host/db"),
    ] {
        let form = ["postgres://user:password@host:5432/database"];
        refuses(&url, ErrorKind::Configuration, &form, &secrets).await;
    }
}
