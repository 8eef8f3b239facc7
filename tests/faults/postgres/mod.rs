//! Postgres, in the throwaway cluster that `tests/run` starts.

pub(crate) type Database = sqlx::Postgres;
pub(crate) use dbop_tests::postgres::fresh_with;

mod breaker;
#[path = "../common/mod.rs"]
mod common;
mod once;

/// 1200 markers of eight days ago, and one of six.
pub(crate) const OLD_MARKERS: &str = "INSERT INTO dbop_once (op, key, fp, created_at)
    SELECT 'old', CAST(n AS TEXT), '', now() - INTERVAL '8 days' FROM generate_series(1, 1200) n;
    INSERT INTO dbop_once (op, key, fp, created_at)
    VALUES ('young', '1', '', now() - INTERVAL '6 days')";
