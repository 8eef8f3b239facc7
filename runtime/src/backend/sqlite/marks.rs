//! Marks, by which dbop recognizes the connections of SQLite that are from its own pools.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sqlx::sqlite::SqliteConnection;

use crate::backend::signals::Signals;

/// The signals of the connections of dbop's pools, by the numbers of their marks.
///
/// A mark is a collation with a special name, which dbop adds to the connection. Nothing else about
/// a connection can be set and read without affecting its user.
static MARKED: Mutex<Vec<(u64, Weak<Signals>)>> = Mutex::new(Vec::new());

const MARK: &str = "dbop_connection_";

/// Returns the name of the collation that marks a connection with these signals.
pub(super) fn mark(signals: &Arc<Signals>) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut all = MARKED.lock().unwrap_or_else(PoisonError::into_inner);
    // A sub-pool has one connection at a time, so an earlier one with these signals is gone.
    let this = Arc::downgrade(signals);
    all.retain(|(_, each)| each.strong_count() > 0 && !each.ptr_eq(&this));
    all.push((number, this));
    format!("{MARK}{number}")
}

/// Returns the signals of a connection. `None` if the connection is not from one of dbop's pools.
pub(super) async fn marked(conn: &mut SqliteConnection) -> sqlx::Result<Option<Arc<Signals>>> {
    let sql = "SELECT name FROM pragma_collation_list WHERE name LIKE 'dbop_connection_%'";
    let name = sqlx::query_scalar::<_, String>(sql)
        .fetch_optional(conn)
        .await?;
    let number = name.as_deref().and_then(|name| name.strip_prefix(MARK));
    let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
        return Ok(None);
    };
    let all = MARKED.lock().unwrap_or_else(PoisonError::into_inner);
    let found = all.iter().find(|(each, _)| *each == number);
    Ok(found.and_then(|(_, signals)| signals.upgrade()))
}
