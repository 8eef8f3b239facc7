//! The settings of a session, as its server reports them.

use std::time::Duration;

use dbop::{Conn, Db, Tx, db_op, transactional};
use dbop_tests::Trouble;
use sqlx::Postgres;

use super::common::notes;

const SETTINGS: &str = "SELECT concat_ws(' ', current_setting('statement_timeout'),
    current_setting('idle_in_transaction_session_timeout'),
    current_setting('client_connection_check_interval'),
    current_setting('default_transaction_read_only'), current_setting('transaction_read_only'))";

/// What others see.
const NAME: &str = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()";

#[db_op]
async fn asked(conn: &mut Conn<'_, Postgres>, sql: &'static str) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(sql).fetch_one(&mut *conn).await?)
}

#[transactional]
async fn asked_in_a_transaction(
    tx: &mut Tx<'_, Postgres>,
    sql: &'static str,
) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(sql).fetch_one(&mut *tx).await?)
}

#[db_op(read_only)]
async fn asked_of_a_reader(
    conn: &mut Conn<'_, Postgres>,
    sql: &'static str,
) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(sql).fetch_one(&mut *conn).await?)
}

async fn asked_everywhere(db: &Db<Postgres>, sql: &'static str) -> [String; 3] {
    [
        asked(db, sql).await.unwrap(),
        asked_in_a_transaction(db, sql).await.unwrap(),
        asked_of_a_reader(db, sql).await.unwrap(),
    ]
}

#[tokio::test]
async fn each_setting_of_a_session_holds_on_the_connections_that_write_and_on_those_that_read() {
    let fresh = notes::open().await;
    let asked = asked_everywhere(&fresh, SETTINGS).await;
    let (write, read) = ("30s 1min 100ms off off", "30s 1min 100ms on on");
    assert_eq!(asked, [write, write, read]);
    let builder = Db::builder()
        .url(&*fresh.url)
        .statement_timeout(Duration::from_secs(7))
        .idle_in_transaction_timeout(Duration::from_millis(8_500));
    let db = builder.connect().await.unwrap();
    let asked = asked_everywhere(&db, SETTINGS).await;
    let (write, read) = ("7s 8500ms 100ms off off", "7s 8500ms 100ms on on");
    assert_eq!(asked, [write, write, read]);
}

#[tokio::test]
async fn the_server_shows_the_name_of_the_application() {
    let fresh = notes::open().await;
    let named = format!("{}?application_name=of%20the%20url", fresh.url);
    let open = async |url: &str, name: Option<&str>| {
        let builder = Db::<Postgres>::builder().url(url);
        let builder = match name {
            Some(name) => builder.application_name(name),
            None => builder,
        };
        builder.connect().await.unwrap()
    };
    for (url, name, expected) in [
        (&fresh.url, None, ""),
        (&fresh.url, Some("shop"), "shop"),
        (&named, None, "of the url"),
        (&named, Some("shop"), "shop"),
    ] {
        let db = open(url, name).await;
        assert_eq!(asked_everywhere(&db, NAME).await, [expected; 3], "{name:?}");
        db.close().await;
    }
}

#[tokio::test]
async fn a_url_of_sqlalchemy_leads_to_its_database() {
    let fresh = notes::open().await;
    let (_, place) = fresh.url.split_once("://").expect("a URL");
    for scheme in ["postgresql+asyncpg", "postgresql+psycopg2"] {
        let url = format!("{scheme}://{place}?application_name=python");
        let db = Db::<Postgres>::connect(&url).await.unwrap();
        assert_eq!(asked(&db, NAME).await.unwrap(), "python");
        let any = dbop::AnyDb::connect(&url).await.unwrap();
        assert_eq!(any.system(), "postgresql");
    }
}
