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
mod chunks;
mod cuts;
mod dead_idle;
mod demoted;
mod histories;
mod interviews;
mod jobs;
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

/// Counts the sessions of processes with this name that have not ended.
pub(crate) const SESSIONS_OF: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";

/// Keeps everybody from sending heartbeats, in a transaction that stays open.
pub(crate) const BLOCK_HEARTBEATS: &str = "BEGIN; LOCK TABLE dbop_job_worker IN EXCLUSIVE MODE";

/// Writes the result of an attempt as River writes that of one that has failed: job, attempt's name.
pub(crate) const WRITE_FAILURE: &str = "UPDATE river_job SET state = 'available',
    metadata = metadata || jsonb_build_object('dbop:by', $2::text) WHERE id = $1 AND state = 'running'";
