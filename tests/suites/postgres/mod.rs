//! Postgres, in the throwaway cluster that `tests/run` starts.

pub(crate) type Database = sqlx::Postgres;
pub(crate) use dbop_tests::postgres::{fresh_with, outside};

use super::common;

pub(crate) use self::jobs::{Ear, JOB_ROW, MADE_OLDER, NOW_MS};

mod advisory;
mod bad_input;
mod browser;
mod callers_transaction;
mod conflicts;
mod connecting;
mod copy;
mod deadlines;
mod ended_sessions;
mod ends;
mod health;
mod jobs;
mod joins;
mod lost_answers;
mod maintenance;
mod migrations;
mod nesting;
mod opaque;
mod outage;
mod plans;
mod pool_size;
mod repair;
mod replay;
mod returned_streams;
mod rival;
mod session_settings;
mod session_state;
mod shutdown;
mod statement_limits;
mod streams;
mod swallowed;
mod watched_jobs;

/// Keeps every other session from using `accounts`, until `ROLLBACK`.
pub(crate) const LOCK_OUT: &str = "BEGIN; LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE";
/// The code of the error that other sessions then get.
pub(crate) const LOCK_CODE: &str = "55P03";
/// A statement that makes a session soon give up waiting for a lock.
pub(crate) const HURRY: &str = "SET lock_timeout = 100";

/// Returns a URL whose sessions soon give up waiting for a lock.
pub(crate) fn impatient_url(url: &str) -> String {
    format!("{url}?options=-c%20lock_timeout%3D100")
}

/// The labels by which metrics say where the database at this URL is.
pub(crate) fn place_labels(url: &str) -> Vec<(&'static str, String)> {
    let (_, place) = url.split_once('@').expect("a user in the URL");
    let (server, database) = place.split_once('/').expect("a database in the URL");
    let (address, port) = server.split_once(':').expect("a port in the URL");
    let mut labels = vec![
        ("db.namespace", database.to_owned()),
        ("server.address", address.to_owned()),
    ];
    if port != "5432" {
        labels.push(("server.port", port.to_owned()));
    }
    labels
}

/// The name of the database at this URL in the names of pools.
pub(crate) fn pool_name(url: &str) -> String {
    let (_, place) = url.split_once('@').expect("a user in the URL");
    format!("postgresql://{place}")
}

/// The code of the error of a row that is there already.
pub(crate) const UNIQUE_CODE: &str = "23505";

/// Whether any error aborts the transaction.
pub(crate) const ABORTS: bool = true;

/// Texts that end the transaction and begin another one.
pub(crate) const REOPENS: [&str; 9] = [
    "COMMIT; BEGIN",
    "ROLLBACK; BEGIN",
    "COMMIT AND CHAIN",
    "ROLLBACK AND CHAIN",
    "/* /* */ SELECT */ COMMIT; BEGIN",
    "SELECT '/*'; COMMIT; BEGIN",
    "END; START TRANSACTION",
    "SELECT '/*'; /* x; y */ COMMIT; BEGIN",
    "SELECT 'a -- b'; -- x; y\nCOMMIT",
];

/// A statement that only a limit ends.
pub(crate) const ENDLESS: &str = "SELECT pg_sleep(1000)";
/// A statement that takes a moment.
pub(crate) const BRIEF: &str = "SELECT pg_sleep(0.1)";

/// Returns how long a statement of this session may run.
pub(crate) async fn statement_limit(conn: &mut sqlx::PgConnection) -> String {
    let limit = sqlx::query_scalar("SHOW statement_timeout");
    limit.fetch_one(conn).await.expect("the setting")
}

/// Returns the handle if it is one of this database.
pub(crate) fn as_own(db: &dbop::AnyDb) -> Option<&dbop::Db<Database>> {
    db.as_postgres()
}

/// The value of `db.system.name` in the spans.
pub(crate) const SYSTEM: &str = "postgresql";

/// Returns the fields of a span that say where the database at this URL is.
pub(crate) fn location(url: &str) -> [(&'static str, Option<String>); 3] {
    let (_, place) = url.rsplit_once('@').expect("a user in the URL");
    let (server, database) = place.split_once('/').expect("a database in the URL");
    let (host, port) = server.split_once(':').expect("a port in the URL");
    [
        ("server.address", Some(host.to_owned())),
        ("server.port", Some(port.to_owned())),
        ("db.namespace", Some(database.to_owned())),
    ]
}

/// The code of the error where the number of an account is taken.
pub(crate) const TAKEN_CODE: &str = "23505";

/// What the error says when the only connection of a pool is in use.
pub(crate) const EXHAUSTED: [&str; 2] = ["1 of 1", "max_connections"];
