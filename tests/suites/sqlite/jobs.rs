//! What the suites about jobs have to know about SQLite.

use dbop_tests::Fresh;
use sqlx::Sqlite;

/// All columns of a job as JSON, with times as milliseconds since 1970, followed by the types of the values
/// that SQLite has stored.
pub(crate) const JOB_ROW: &str = "SELECT json_object(
        'id', id, 'args', json(args), 'attempt', attempt, 'attempted_at', attempted_at,
        'attempted_by', json(attempted_by),
        'created_at', CAST(round((julianday(created_at) - 2440587.5) * 86400000.0) AS INTEGER),
        'errors', json(errors), 'finalized_at', finalized_at, 'kind', kind, 'max_attempts', max_attempts,
        'metadata', json(metadata), 'priority', priority, 'queue', queue, 'state', state,
        'scheduled_at', CAST(round((julianday(scheduled_at) - 2440587.5) * 86400000.0) AS INTEGER),
        'tags', json(tags), 'unique_key', hex(unique_key), 'unique_states', unique_states,
        'types', json_array(
            typeof(args), typeof(attempt), typeof(attempted_by), typeof(created_at), typeof(errors),
            typeof(kind), typeof(max_attempts), typeof(metadata), typeof(priority), typeof(queue),
            typeof(scheduled_at), typeof(state), typeof(tags), typeof(unique_key), typeof(unique_states),
            length(created_at), length(scheduled_at)
        )
    ) FROM river_job WHERE id = $1";

/// Makes each available job wait for an hour more.
pub(crate) const MADE_OLDER: &str = "UPDATE river_job SET scheduled_at = datetime(scheduled_at, 'subsec', '-1 hour') WHERE state = 'available'";

/// The clock of the database, in milliseconds since 1970.
pub(crate) const NOW_MS: &str =
    "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)";

/// Hears which queues are told of new jobs.
pub(crate) struct Ear<'a> {
    fresh: &'a Fresh<Sqlite>,
    heard: i64,
}

impl<'a> Ear<'a> {
    pub(crate) async fn new(fresh: &'a Fresh<Sqlite>) -> Self {
        let mut ear = Self { fresh, heard: 0 };
        ear.heard().await;
        ear
    }

    /// Returns the notifications since the last call.
    pub(crate) async fn heard(&mut self) -> Vec<String> {
        let told = sqlx::query_as(
            "SELECT id, payload FROM river_notification WHERE id > $1 AND topic = 'river_insert' ORDER BY id",
        );
        let told: Vec<(i64, String)> = told
            .bind(self.heard)
            .fetch_all(self.fresh.pool())
            .await
            .expect("River's table");
        self.heard = told.last().map_or(self.heard, |(id, _)| *id);
        told.into_iter().map(|(_, payload)| payload).collect()
    }
}
