//! The statements of SQLite.

use super::JobSql;

/// The client that has fetched a job last.
macro_rules! last_client {
    ($table:literal) => {
        concat!($table, "attempted_by ->> '$[#-1]'")
    };
}

/// What is read of a running job that is to be rescued.
macro_rules! stuck_where {
    ($condition:expr) => {
        concat!(
            "SELECT json_group_array(json_object(
                'id', id, 'kind', kind, 'queue', queue, 'attempt', attempt, 'max_attempts', max_attempts,
                'worker', attempted_by ->> '$[#-1]',
                'cancelled', json(iif(metadata -> '$.cancel_attempted_at' IS NULL, 'false', 'true')),
                'follow_up', json(metadata -> '$.\"dbop:discarded\"')
            ))
            FROM (SELECT * FROM river_job WHERE state = 'running' AND ",
            $condition,
            " ORDER BY id LIMIT 1000)"
        )
    };
}

/// The attempt of a job that runs.
macro_rules! while_running {
    () => {
        "id = CAST($1 AS INTEGER) AND state = 'running' AND attempt = CAST($2 AS INTEGER)
            AND (attempted_by ->> '$[#-1]') || '@' || CAST(
                round((julianday(attempted_at) - 2440587.5) * 86400000.0) AS INTEGER
            ) = $3"
    };
}

/// A time in microseconds since 1970.
macro_rules! microseconds_of {
    ($column:literal) => {
        concat!(
            "1000 * CAST(round((julianday(",
            $column,
            ") - 2440587.5) * 86400000.0) AS INTEGER)"
        )
    };
}

/// Milliseconds since 1970.
macro_rules! milliseconds {
    () => {
        "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"
    };
}

pub(in crate::jobs) static SQLITE: JobSql = JobSql {
    // The trigger keeps a worker that was declared dead from writing the result of an attempt that is
    // no longer the one that runs. River writes results by the job's id alone. Each attempt of dbop's
    // writes its name into `dbop:by` along with its result; other clients do not change that key. The
    // name is forgotten when the job is fetched, so that a result which is written a second time, because
    // the answer to the first time was lost, is told from a statement that does not change the key.
    schema: "CREATE TABLE IF NOT EXISTS dbop_job_worker (
            id TEXT PRIMARY KEY,
            kinds TEXT NOT NULL,
            beat_at REAL NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS dbop_job_slot (
            job_id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            runs INTEGER NOT NULL,
            most INTEGER NOT NULL
        );
        CREATE INDEX IF NOT EXISTS dbop_job_slot_key ON dbop_job_slot (key, runs, job_id);
        CREATE TABLE IF NOT EXISTS dbop_job_rate (
            key TEXT PRIMARY KEY,
            next_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS dbop_job_schedule (
            kind TEXT PRIMARY KEY,
            schedule TEXT NOT NULL,
            due_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TRIGGER IF NOT EXISTS dbop_job_fence BEFORE UPDATE OF state ON river_job
            WHEN OLD.state = 'running'
                AND NEW.metadata ->> '$.\"dbop:by\"' IS NOT OLD.metadata ->> '$.\"dbop:by\"'
                AND NEW.metadata ->> '$.\"dbop:by\"' IS NOT
                    (OLD.attempted_by ->> '$[#-1]') || '/' || OLD.attempt || '/' || CAST(
                        round((julianday(OLD.attempted_at) - 2440587.5) * 86400000.0) AS INTEGER
                    )
            BEGIN SELECT RAISE(IGNORE); END;
        CREATE TRIGGER IF NOT EXISTS dbop_job_fetched AFTER UPDATE OF state ON river_job
            WHEN OLD.state <> 'running' AND NEW.state = 'running'
                AND NEW.metadata ->> '$.\"dbop:by\"' IS NOT NULL
            BEGIN
                UPDATE river_job SET metadata = jsonb_remove(metadata, '$.\"dbop:by\"') WHERE id = NEW.id;
            END",
    insert: "INSERT INTO river_job (
            args, created_at, kind, max_attempts, metadata, priority, queue, scheduled_at, state, tags,
            unique_key, unique_states
        )
        SELECT jsonb($1 -> '$.args'), datetime('now', 'subsec'), $1 ->> '$.kind', $1 ->> '$.max_attempts',
            jsonb($1 -> '$.metadata'), $1 ->> '$.priority', $1 ->> '$.queue',
            coalesce($1 ->> '$.scheduled_at', datetime('now', 'subsec')), $1 ->> '$.state',
            jsonb($1 -> '$.tags'), unhex($1 ->> '$.unique_key'), $1 ->> '$.unique_states'
        WHERE true
        ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND unique_states IS NOT NULL
            AND CASE state
                WHEN 'available' THEN unique_states & (1 << 0)
                WHEN 'cancelled' THEN unique_states & (1 << 1)
                WHEN 'completed' THEN unique_states & (1 << 2)
                WHEN 'discarded' THEN unique_states & (1 << 3)
                WHEN 'pending' THEN unique_states & (1 << 4)
                WHEN 'retryable' THEN unique_states & (1 << 5)
                WHEN 'running' THEN unique_states & (1 << 6)
                WHEN 'scheduled' THEN unique_states & (1 << 7)
                ELSE 0
            END >= 1
            DO UPDATE SET kind = river_job.kind
        RETURNING CAST(id AS TEXT), metadata ->> '$.\"river:unique_nonce\"'",
    notify: "INSERT INTO river_notification (payload, topic)
        SELECT json_object('queue', value), 'river_insert' FROM json_each($1)",
    store_step: concat!(
        "UPDATE river_job SET metadata = jsonb_set(
            jsonb_insert(metadata, '$.\"dbop:steps\"', jsonb('{}')),
            '$.\"dbop:steps\".\"' || $4 || '\"', jsonb($5)
        ) WHERE ",
        while_running!(),
        " RETURNING CAST(id AS TEXT)"
    ),
    move_step: concat!(
        "UPDATE river_job SET metadata = jsonb_set(
            jsonb_insert(metadata, '$.\"dbop:steps\"', jsonb('{}')),
            '$.\"dbop:steps\".\"' || $4 || '\"', jsonb($5), '$.\"dbop:progress\"', jsonb($7)
        ) WHERE coalesce(metadata->>('$.\"dbop:steps\".\"' || $4 || '\".items'), 0) = CAST($6 AS INTEGER) AND ",
        while_running!(),
        " RETURNING CAST(id AS TEXT)"
    ),
    read_step: concat!(
        "SELECT metadata->('$.\"dbop:steps\".\"' || $4 || '\"') FROM river_job WHERE ",
        while_running!()
    ),
    complete: concat!(
        "UPDATE river_job SET state = 'completed', finalized_at = datetime('now', 'subsec'),
            metadata = jsonb_patch(metadata, $4) WHERE ",
        while_running!(),
        " RETURNING CAST(id AS TEXT)"
    ),
    is_complete: "SELECT CAST(id AS TEXT) FROM river_job
        WHERE id = CAST($1 AS INTEGER) AND state = 'completed' AND attempt = CAST($2 AS INTEGER)
            AND (attempted_by ->> '$[#-1]') || '@' || CAST(
                round((julianday(attempted_at) - 2440587.5) * 86400000.0) AS INTEGER
            ) = $3",
    annotate: concat!(
        "UPDATE river_job SET metadata = jsonb_patch(metadata, $4) WHERE ",
        while_running!(),
        " RETURNING CAST(id AS TEXT)"
    ),
    finish: concat!(
        "UPDATE river_job AS job SET
            state = iif(told.value ->> '$.state' = 'pending'
                AND job.metadata -> '$.cancel_attempted_at' IS NOT NULL,
                'cancelled', told.value ->> '$.state'),
            attempt = iif(told.value ->> '$.keeps_attempt', job.attempt, job.attempt - 1),
            finalized_at = iif(told.value ->> '$.state' IN ('cancelled', 'discarded')
                OR told.value ->> '$.state' = 'pending'
                AND job.metadata -> '$.cancel_attempted_at' IS NOT NULL,
                datetime('now', 'subsec'), NULL),
            scheduled_at = iif(told.value ->> '$.wait' IS NULL, job.scheduled_at,
                datetime('now', 'subsec', (told.value ->> '$.wait') || ' seconds')),
            errors = iif(told.value ->> '$.error' IS NULL, job.errors,
                jsonb_insert(coalesce(job.errors, jsonb('[]')), '$[#]', jsonb(told.value -> '$.error'))),
            metadata = iif(told.value ->> '$.rescued', jsonb_set(
                    job.metadata, '$.\"river:rescue_count\"',
                    coalesce(job.metadata ->> '$.\"river:rescue_count\"', 0) + 1
                ), iif(told.value ->> '$.reserved',
                    jsonb_set(job.metadata, '$.\"dbop:reserved\"', jsonb('true')), job.metadata))
        FROM json_each($1) AS told
        WHERE job.id = told.value ->> '$.id' AND job.state = 'running'
            AND job.attempt = told.value ->> '$.attempt' AND ",
        last_client!("job."),
        " = told.value ->> '$.worker'
        RETURNING json_array(id)"
    ),
    running_of: stuck_where!("attempted_by ->> '$[#-1]' = $1"),
    orphans: stuck_where!(
        "NOT EXISTS (
            SELECT 1 FROM dbop_job_worker AS worker WHERE worker.id = attempted_by ->> '$[#-1]'
        ) AND julianday(attempted_at) < julianday('now') - CAST(
            iif(attempted_by ->> '$[#-1]' LIKE 'dbop:%', $1, $2) AS REAL) / 86400.0"
    ),
    enter: "INSERT INTO dbop_job_worker (id, kinds, beat_at) VALUES ($1, $2, julianday('now'))
        ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at RETURNING id",
    beat: "UPDATE dbop_job_worker SET beat_at = julianday('now') WHERE id = $1 RETURNING id",
    silent: "SELECT json_group_array(json_array(id, printf('%!.17g', beat_at))) FROM dbop_job_worker
        WHERE beat_at < julianday('now') - CAST($1 AS REAL) / 86400.0 AND id <> $2",
    bury: "DELETE FROM dbop_job_worker WHERE id = $1 AND printf('%!.17g', beat_at) = $2 RETURNING id",
    leave: "DELETE FROM dbop_job_worker WHERE id = $1 RETURNING id",
    worked_kinds: "SELECT json_group_array(DISTINCT kind.value)
        FROM dbop_job_worker, json_each(dbop_job_worker.kinds) AS kind",
    lock_key: "",
    take_slot: "INSERT INTO dbop_job_slot (job_id, key, runs, most)
        SELECT CAST($1 AS INTEGER), $2, 1, CAST($3 AS INTEGER)
        WHERE (
            SELECT count(*) FROM dbop_job_slot WHERE key = $2 AND runs AND job_id <> CAST($1 AS INTEGER)
        ) < CAST($3 AS INTEGER)
        ON CONFLICT (job_id) DO UPDATE SET key = excluded.key, runs = 1, most = excluded.most
        RETURNING key",
    wait_for_slot: "INSERT INTO dbop_job_slot (job_id, key, runs, most)
        VALUES (CAST($1 AS INTEGER), $2, 0, CAST($3 AS INTEGER))
        ON CONFLICT (job_id) DO UPDATE SET key = excluded.key, runs = 0, most = excluded.most
        RETURNING key",
    free_slot: "DELETE FROM dbop_job_slot WHERE job_id = CAST($1 AS INTEGER) RETURNING key",
    // The waiting row goes when the slots are swept, or becomes one that runs.
    admit_next: "UPDATE river_job SET state = 'available' WHERE id = (
            SELECT job.id FROM dbop_job_slot AS slot JOIN river_job AS job ON job.id = slot.job_id
            WHERE slot.key = $1 AND NOT slot.runs AND job.state = 'pending'
            ORDER BY job.priority, job.scheduled_at, job.id LIMIT 1
        ) RETURNING queue",
    sweep_slots: "DELETE FROM dbop_job_slot
        WHERE NOT EXISTS (
            SELECT 1 FROM river_job AS job WHERE job.id = dbop_job_slot.job_id
                AND job.state = iif(dbop_job_slot.runs, 'running', 'pending')
        )",
    stalled_keys: "SELECT json_group_array(key) FROM (
            SELECT key FROM dbop_job_slot GROUP BY key
            HAVING sum(runs) < max(most) AND min(runs) = 0
        )",
    reserve: concat!(
        "INSERT INTO dbop_job_rate (key, next_at) VALUES ($1, 1000 * ",
        milliseconds!(),
        " + CAST($2 AS INTEGER))
        ON CONFLICT (key) DO UPDATE SET next_at =
            max(dbop_job_rate.next_at, excluded.next_at - CAST($2 AS INTEGER)) + CAST($2 AS INTEGER)
        RETURNING CAST(next_at - CAST($2 AS INTEGER) - CAST($3 AS INTEGER) - 1000 * ",
        milliseconds!(),
        " AS TEXT)"
    ),
    due_at: "SELECT CAST(due_at AS TEXT) FROM dbop_job_schedule WHERE kind = $1 AND schedule = $2",
    plan_first: "INSERT INTO dbop_job_schedule (kind, schedule, due_at)
        VALUES ($1, $2, CAST($3 AS INTEGER))
        ON CONFLICT (kind) DO UPDATE SET schedule = excluded.schedule, due_at = excluded.due_at
            WHERE dbop_job_schedule.schedule <> excluded.schedule
        RETURNING kind",
    plan_next: "UPDATE dbop_job_schedule SET due_at = CAST($4 AS INTEGER)
        WHERE kind = $1 AND schedule = $2 AND due_at = CAST($3 AS INTEGER) RETURNING kind",
    mark: "",
    watched: concat!(
        "SELECT json_group_array(json_object(
            'id', id, 'kind', kind, 'queue', queue, 'state', state, 'priority', priority,
            'attempt', attempt, 'max_attempts', max_attempts,
            'created_at', ",
        microseconds_of!("created_at"),
        ", 'scheduled_at', ",
        microseconds_of!("scheduled_at"),
        ", 'attempted_at', ",
        microseconds_of!("attempted_at"),
        ", 'finalized_at', ",
        microseconds_of!("finalized_at"),
        ", 'worker', ",
        last_client!(""),
        ", 'arguments', json(args),
            'output', json(metadata -> '$.output'), 'progress', json(metadata -> '$.\"dbop:progress\"'),
            'steps', json((
                SELECT json_group_array(key) FROM (
                    SELECT key FROM json_each(metadata, '$.\"dbop:steps\"') ORDER BY key
                )
            )),
            'errors', json(errors), 'tags', json(tags), 'will_tell', json('true')
        ))
        FROM river_job WHERE id IN (SELECT value FROM json_each($1))"
    ),
    queues: "SELECT json_group_array(json_object(
            'queue', queue, 'states', json(states), 'waits', waits
        )) FROM (
            SELECT queue, json_group_object(state, jobs) AS states, max(waits) AS waits FROM (
                SELECT queue, state, count(*) AS jobs, iif(state = 'available',
                    (julianday('now') - julianday(min(scheduled_at))) * 86400.0, NULL) AS waits
                FROM river_job GROUP BY queue, state
            ) GROUP BY queue ORDER BY queue
        )",
    // Each state is read by the index by which workers fetch, so that the time does not depend on how many
    // jobs there are.
    #[cfg(feature = "http")]
    overview: "SELECT json_object(
            'running', json((
                SELECT json_group_array(json_object(
                    'id', id, 'kind', kind, 'queue', queue, 'attempt', attempt,
                    'max_attempts', max_attempts, 'progress', json(metadata -> '$.\"dbop:progress\"'),
                    'since_ms', (julianday('now') - julianday(attempted_at)) * 86400000.0,
                    'worker', attempted_by ->> '$[#-1]'
                )) FROM (
                    SELECT * FROM river_job WHERE state = 'running'
                    ORDER BY queue, priority, scheduled_at, id LIMIT 50
                )
            )),
            'waiting', json((
                SELECT json_group_array(json_object(
                    'id', id, 'kind', kind, 'queue', queue, 'state', state, 'attempt', attempt,
                    'max_attempts', max_attempts, 'progress', json(metadata -> '$.\"dbop:progress\"'),
                    'due_in_ms', (julianday(scheduled_at) - julianday('now')) * 86400000.0
                )) FROM (
                SELECT * FROM (
                    SELECT * FROM river_job WHERE state = 'available'
                    ORDER BY queue, priority, scheduled_at, id LIMIT 20
                )
                UNION ALL
                SELECT * FROM (
                    SELECT * FROM river_job WHERE state = 'pending'
                    ORDER BY queue, priority, scheduled_at, id LIMIT 20
                )
                UNION ALL
                SELECT * FROM (
                    SELECT * FROM river_job WHERE state = 'retryable'
                    ORDER BY queue, priority, scheduled_at, id LIMIT 20
                )
                UNION ALL
                SELECT * FROM (
                    SELECT * FROM river_job WHERE state = 'scheduled'
                    ORDER BY queue, priority, scheduled_at, id LIMIT 20
                )
                )
            )),
            'failures', json((
                SELECT json_group_array(json_object(
                    'id', id, 'kind', kind, 'queue', queue, 'state', state, 'attempt', attempt,
                    'max_attempts', max_attempts,
                    'ended_ms', (julianday('now') - julianday(finalized_at)) * 86400000.0,
                    'error', substr(errors ->> '$[#-1].error', 1, 2000)
                )) FROM (
                    SELECT * FROM (
                    SELECT * FROM (
                        SELECT * FROM river_job WHERE state = 'discarded' AND finalized_at IS NOT NULL
                        ORDER BY finalized_at DESC LIMIT 500
                    )
                    UNION ALL
                    SELECT * FROM (
                        SELECT * FROM river_job WHERE state = 'cancelled' AND finalized_at IS NOT NULL
                        ORDER BY finalized_at DESC LIMIT 500
                    )
                    ) WHERE json_array_length(errors) > 0 ORDER BY finalized_at DESC LIMIT 20
                )
            ))
        )",
    is_there: "SELECT iif(count(*) = 2, 'true', 'false') FROM sqlite_schema
        WHERE name IN ('river_job', 'dbop_job_worker')",
};

#[cfg(test)]
mod tests {
    use sqlx::{Executor, SqlSafeStr};

    use super::SQLITE;
    use crate::db::Db;

    #[tokio::test]
    async fn each_statement_fits_the_tables() {
        let db = Db::<sqlx::Sqlite>::connect("sqlite::memory:")
            .await
            .expect("a database");
        crate::jobs::migrate(&db).await.expect("the tables");
        let sql = &SQLITE;
        let all = [
            sql.insert,
            sql.notify,
            sql.store_step,
            sql.move_step,
            sql.read_step,
            sql.complete,
            sql.is_complete,
            sql.annotate,
            sql.finish,
            sql.running_of,
            sql.orphans,
            sql.enter,
            sql.beat,
            sql.silent,
            sql.bury,
            sql.leave,
            sql.worked_kinds,
            sql.take_slot,
            sql.wait_for_slot,
            sql.free_slot,
            sql.admit_next,
            sql.sweep_slots,
            sql.stalled_keys,
            sql.reserve,
            sql.due_at,
            sql.plan_first,
            sql.plan_next,
            sql.watched,
            sql.queues,
            #[cfg(feature = "http")]
            sql.overview,
            sql.is_there,
        ];
        for sql in all {
            let prepared = db.pool().prepare(sql.into_sql_str()).await;
            prepared.unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
    }
}
