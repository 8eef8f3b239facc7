//! The `BEGIN` of Postgres, for both drivers.

use std::fmt::Write;
use std::time::Duration;

use crate::isolation::Isolation;
use crate::rt::milliseconds;

/// Returns the `BEGIN` of Postgres, followed by the settings that are sent in the same message.
pub(crate) fn begin_sql(
    isolation: Option<Isolation>,
    read_only: bool,
    deferrable: bool,
    statement_timeout: Option<Duration>,
) -> String {
    let mut sql = String::from("BEGIN");
    if let Some(isolation) = isolation {
        let _ = write!(sql, " ISOLATION LEVEL {isolation}");
    }
    if read_only {
        sql.push_str(" READ ONLY");
    }
    if deferrable {
        sql.push_str(" DEFERRABLE");
    }
    if let Some(limit) = statement_timeout {
        let ms = milliseconds(limit);
        // The lock's limit is a little shorter than the statement's, so that the error says that
        // the statement was waiting for a lock.
        let lock = (ms * 4 / 5).max(1);
        let _ = write!(
            sql,
            "; SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {lock}"
        );
    }
    sql
}
