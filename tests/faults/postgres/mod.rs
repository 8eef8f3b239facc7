//! Postgres, in the throwaway cluster that `tests/run` starts.

pub(crate) type Database = sqlx::Postgres;
pub(crate) use dbop_tests::postgres::{fresh_with, outside};

use super::common;

mod advisory;
mod black_holes;
mod breaker;
mod breaker_probes;
mod cancellation;
mod cancelled_statements;
mod cuts;
mod dead_idle;
mod demoted;
mod histories;
mod interviews;
mod late_calls;
mod meddler;
mod once;
mod servers;
mod slots;
mod soaks;
mod tried;

pub(crate) use cancellation::{Between, ask_whether_clean, ask_whether_quiet, between, slow_down};

/// How many times all polls are swept at least. Once is enough, because the proxy makes every await
/// pending.
pub(crate) const SWEEPS: u32 = 1;

/// Inserts 1200 markers that are eight days old, and one that is six days old.
pub(crate) const OLD_MARKERS: &str = "INSERT INTO dbop_once (op, key, fp, created_at)
    SELECT 'old', CAST(n AS TEXT), '', now() - INTERVAL '8 days' FROM generate_series(1, 1200) n;
    INSERT INTO dbop_once (op, key, fp, created_at)
    VALUES ('young', '1', '', now() - INTERVAL '6 days')";
