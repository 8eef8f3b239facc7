//! What Postgres shows of sessions that are left over.

use dbop_tests::proxy::Proxy;
use sqlx::{PgConnection, Row, query_as, raw_sql};

pub(crate) type Between = Proxy;

/// Puts a proxy in between. Its tasks run only while no call is polled, so every answer takes a
/// poll of its own.
pub(crate) async fn between(url: &str) -> (String, Between) {
    let proxy = Proxy::before(url).await;
    (proxy.url.clone(), proxy)
}

/// Does nothing, because the proxy already slows down every answer.
pub(crate) async fn slow_down(_: &mut PgConnection) {}

/// Returns what is still going on in the database besides the observer: a session that is in a
/// transaction or in a statement, a lock, or more than `most` sessions. `None` if there is nothing.
pub(crate) async fn ask_whether_quiet(observer: &mut PgConnection, most: u32) -> Option<String> {
    let sessions = query_as::<_, (Option<String>, Option<String>, i64)>(
        "SELECT a.state, a.query, (SELECT COUNT(*) FROM pg_locks l WHERE l.pid = a.pid)
        FROM pg_stat_activity a WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
    let sessions = sessions.fetch_all(observer).await.expect("the sessions");
    let busy: Vec<_> = sessions
        .iter()
        .filter(|(state, _, locks)| state.as_deref() != Some("idle") || *locks > 0)
        .collect();
    let too_many = sessions.len() > usize::try_from(most).expect("small");
    (!busy.is_empty() || too_many).then(|| {
        format!(
            "{} sessions, at most {most} known; busy: {busy:?}",
            sessions.len()
        )
    })
}

/// Returns what is wrong with a connection of the pool; `None` if it is clean.
pub(crate) async fn ask_whether_clean(conn: &mut PgConnection, reader: bool) -> Option<String> {
    // This query uses the simple protocol. In the extended protocol, a statement may be younger
    // than its transaction.
    let state = raw_sql(
        "SELECT pg_current_xact_id_if_assigned() IS NULL,
        transaction_timestamp() = statement_timestamp(),
        current_setting('transaction_read_only') = 'on'",
    );
    let state = match state.fetch_one(conn).await {
        Ok(state) => state,
        Err(error) => return Some(error.to_string()),
    };
    let [unwritten, alone, guarded] = [0, 1, 2].map(|column| state.get::<bool, _>(column));
    (!unwritten || !alone || guarded != reader).then(|| {
        format!("nothing written: {unwritten}, no transaction: {alone}, read-only: {guarded}")
    })
}
