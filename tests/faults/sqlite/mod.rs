//! SQLite, in files of temporary folders.

pub(crate) type Database = sqlx::Sqlite;
pub(crate) use dbop_tests::sqlite::{fresh_with, outside};

use super::common;

mod cancellation;
mod cancelled_statements;
mod full_disk;
mod killed;
mod lanes;
mod money;
mod moved;
mod once;
mod rival;
mod tried;

pub(crate) use cancellation::{Between, ask_whether_clean, ask_whether_quiet, between, slow_down};

/// How many times all polls are swept at least. SQLite's thread may answer before it is asked
/// twice.
pub(crate) const SWEEPS: u32 = 2;

/// Inserts 1200 markers that are eight days old, and one that is six days old.
pub(crate) const OLD_MARKERS: &str = "WITH RECURSIVE n(i) AS (
        VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 1200
    )
    INSERT INTO dbop_once (op, key, fp, created_at)
    SELECT 'old', i, '', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-8 days') FROM n;
    INSERT INTO dbop_once (op, key, fp, created_at)
    VALUES ('young', '1', '', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-6 days'))";

/// Counts the sessions of processes with this name that have not ended. A file has no sessions.
pub(crate) const SESSIONS_OF: &str = "SELECT count(*) FROM (SELECT $1 AS name) WHERE name IS NULL";

/// Keeps everybody from sending heartbeats, in a transaction that stays open.
pub(crate) const BLOCK_HEARTBEATS: &str = "BEGIN IMMEDIATE";

/// Writes the result of an attempt as River writes that of one that has failed: job, attempt's name.
pub(crate) const WRITE_FAILURE: &str = "UPDATE river_job SET state = 'available',
    metadata = jsonb_patch(metadata, json_object('dbop:by', $2)) WHERE id = $1 AND state = 'running'";
