//! The `BEGIN` of Postgres, for both drivers.

use std::fmt::Write;
use std::time::Duration;

use crate::isolation::Isolation;
use crate::rt::milliseconds;

/// Sets a limit in milliseconds, unless the session has a shorter one already; 0 is none.
fn at_most(limit: &str, ms: u64) -> String {
    format!(
        "set_config('{limit}', least({ms}, nullif(1000 * extract(epoch FROM \
         current_setting('{limit}')::interval), 0))::bigint::text, true)"
    )
}

/// Returns the `BEGIN` of Postgres, followed by the settings that are sent in the same message.
/// `foreign`: dbop has not opened the session, whose own limits hold where they are shorter.
pub(crate) fn begin_sql(
    isolation: Option<Isolation>,
    read_only: bool,
    deferrable: bool,
    statement_timeout: Option<Duration>,
    foreign: bool,
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
        let _ = match foreign {
            false => write!(
                sql,
                "; SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {lock}"
            ),
            true => write!(
                sql,
                "; SELECT {}, {}",
                at_most("statement_timeout", ms),
                at_most("lock_timeout", lock)
            ),
        };
    }
    sql
}
