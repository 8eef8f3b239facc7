//! SQLite, in files of temporary folders.

pub(crate) type Database = sqlx::Sqlite;
pub(crate) use dbop_tests::sqlite::fresh_with;

#[path = "../common/mod.rs"]
mod common;

/// 1200 markers of eight days ago, and one of six.
pub(crate) const OLD_MARKERS: &str = "WITH RECURSIVE n(i) AS (
        VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 1200
    )
    INSERT INTO dbop_once (op, key, fp, created_at)
    SELECT 'old', i, '', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-8 days') FROM n;
    INSERT INTO dbop_once (op, key, fp, created_at)
    VALUES ('young', '1', '', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-6 days'))";
