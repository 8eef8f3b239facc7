//! Options of PostgreSQL's driver, the hook of new connections, and pools of the application's.

use std::str::FromStr;
use std::time::{Duration, Instant};

use dbop::{CircuitBreaker, Conn, Db, ErrorKind, Tx, db_op, transactional};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, Postgres};

use super::common::adopted::lazily;
use super::common::notes::{self, Trouble, note, soon};

/// Settings of the application's, and those that dbop needs.
const SETTINGS: &str = "SELECT concat_ws(' ', current_setting('application_name'),
    current_setting('work_mem'), current_setting('search_path'),
    current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),
    current_setting('client_connection_check_interval'))";

#[db_op]
async fn settings(conn: &mut Conn<'_, Postgres>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *conn).await?)
}

#[db_op(read_only)]
async fn settings_of_a_reader(conn: &mut Conn<'_, Postgres>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *conn).await?)
}

#[transactional]
async fn settings_of_a_transaction(tx: &mut Tx<'_, Postgres>) -> Result<String, Trouble> {
    Ok(sqlx::query_scalar(SETTINGS).fetch_one(&mut *tx).await?)
}

/// Does something that makes dbop reset the session afterwards.
#[transactional]
async fn unseen(tx: &mut Tx<'_, Postgres>) -> Result<i32, Trouble> {
    let pid = sqlx::query_scalar("SELECT pg_backend_pid()");
    Ok(pid.fetch_one(tx.conn()).await?)
}

#[tokio::test]
async fn nothing_of_the_options_is_lost_and_the_limits_hold() {
    let fresh = notes::open().await;
    let options = PgConnectOptions::from_str(&fresh.url)
        .unwrap()
        .application_name("shop")
        .options([("work_mem", "5MB"), ("statement_timeout", "0")])
        .options([("search_path", "aside, public")]);
    let builder = Db::<Postgres>::builder().connect_options(options);
    let db = builder.max_connections(1).connect().await.unwrap();
    let expected = "shop 5MB aside, public 30s 1min 100ms";
    for _ in 0..2 {
        assert_eq!(settings(&db).await.unwrap(), expected);
        assert_eq!(settings_of_a_reader(&db).await.unwrap(), expected);
        unseen(&db).await.unwrap();
    }
}

#[tokio::test]
async fn no_message_has_the_password_of_the_options() {
    let fresh = notes::open().await;
    let options = PgConnectOptions::from_str(&fresh.url)
        .unwrap()
        .password("secret-one");
    let builder = Db::<Postgres>::builder().connect_options(options.clone());
    assert!(!format!("{builder:?}").contains("secret-one"));
    let options = options.database("no_such_database");
    let builder = Db::<Postgres>::builder().connect_options(options);
    let error = builder.connect().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret-one"), "{text}");
}

#[tokio::test]
async fn what_the_hook_has_prepared_is_there_after_a_reset_and_the_limits_hold() {
    let fresh = notes::open().await;
    let builder = Db::<Postgres>::builder().url(&fresh.url).max_connections(1);
    let db = builder
        .after_connect(|conn| {
            Box::pin(async move {
                let prepare = "SET search_path = aside, public; SET statement_timeout = 0;
                    SET idle_in_transaction_session_timeout = 0;
                    SET client_connection_check_interval = 0;
                    SET default_transaction_read_only = off; SET work_mem = '5MB';
                    SET application_name = 'shop'";
                conn.execute(prepare).await.map(drop)
            })
        })
        .connect()
        .await
        .unwrap();
    let expected = "shop 5MB aside, public 30s 1min 100ms";
    let mut pids = Vec::new();
    for _ in 0..3 {
        assert_eq!(settings(&db).await.unwrap(), expected);
        assert_eq!(settings_of_a_reader(&db).await.unwrap(), expected);
        pids.push(unseen(&db).await.unwrap());
    }
    pids.dedup();
    assert_eq!(
        pids.len(),
        1,
        "the connection is prepared again, and not closed"
    );
    let error = notes::writes_where_it_may_not(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
}

#[tokio::test]
async fn a_transaction_on_an_applications_pool_has_the_limits_of_the_handle_and_leaves_none() {
    let fresh = notes::open().await;
    let pool = lazily(&fresh, 1);
    let builder = Db::builder()
        .pool(pool.clone())
        .statement_timeout(Duration::from_secs(7))
        .idle_in_transaction_timeout(Duration::from_secs(8));
    let db = builder.connect().await.unwrap();
    let before = settings(&db).await.unwrap();
    let inside = settings_of_a_transaction(&db).await.unwrap();
    assert!(inside.ends_with("7s 8s 100ms"), "{inside}");
    assert_eq!(settings(&db).await.unwrap(), before);
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
        .fetch_one(&pool)
        .await
        .unwrap();
    if version >= 170_000 {
        let whole = limit_of_the_transaction(&db).await.unwrap();
        assert!(
            whole > 20_000,
            "the deadline, and not the statement's limit: {whole}"
        );
    }
}

#[transactional]
async fn limit_of_the_transaction(tx: &mut Tx<'_, Postgres>) -> Result<i32, Trouble> {
    let limit = "SELECT setting::int FROM pg_settings WHERE name = 'transaction_timeout'";
    Ok(sqlx::query_scalar(limit).fetch_one(&mut *tx).await?)
}

#[transactional(retry = never)]
async fn takes_long(tx: &mut Tx<'_, Postgres>) -> Result<(), Trouble> {
    tx.execute("SELECT pg_sleep(1000)").await?;
    Ok(())
}

#[tokio::test]
async fn a_statement_on_an_applications_pool_takes_no_longer_than_the_handle_allows() {
    let fresh = notes::open().await;
    let builder = Db::builder()
        .pool(lazily(&fresh, 1))
        .statement_timeout(Duration::from_millis(300));
    let db = builder.connect().await.unwrap();
    let error = soon("the statement", takes_long(&db)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    note(&db, 1)
        .await
        .expect("the session is as good as before");
}

/// A pool alone would go on trying for 30 s.
#[tokio::test]
async fn the_breaker_of_a_handle_of_an_applications_pool_opens_when_the_server_is_away() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url = format!("postgres://nobody@127.0.0.1:{port}/none");
    let pool = PgPoolOptions::new().connect_lazy(&url).unwrap();
    let breaker = CircuitBreaker::DEFAULT.refusals(2);
    let builder = Db::builder().pool(pool).circuit_breaker(breaker);
    let db = builder.connect().await.expect("nothing is opened");
    let begun = Instant::now();
    let error = note(&db, 1).await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        matches!(error.kind(), ErrorKind::Connection | ErrorKind::CircuitOpen),
        "{error}"
    );
    let error = note(&db, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CircuitOpen, "{error}");
}
