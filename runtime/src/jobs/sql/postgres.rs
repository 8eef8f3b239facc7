//! The statements of PostgreSQL.

use super::JobSql;

/// What is read of a running job that is to be rescued.
macro_rules! stuck_where {
    ($condition:literal) => {
        concat!(
            "SELECT json_agg(json_build_object(
                'id', id, 'kind', kind, 'queue', queue, 'attempt', attempt, 'max_attempts', max_attempts,
                'worker', attempted_by[cardinality(attempted_by)],
                'cancelled', metadata ? 'cancel_attempted_at', 'follow_up', metadata->'dbop:discarded'
            ))::text
            FROM (SELECT * FROM river_job WHERE state = 'running' AND ",
            $condition,
            " ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED) AS stuck"
        )
    };
}

/// The attempt of a job that runs.
macro_rules! while_running {
    () => {
        "id = $1::bigint AND state = 'running' AND attempt = $2::smallint
            AND concat(
                attempted_by[cardinality(attempted_by)], '@',
                floor(extract(epoch FROM attempted_at) * 1000)::bigint
            ) = $3"
    };
}

pub(in crate::jobs) static POSTGRES: JobSql = JobSql {
    // The lock is needed because two sessions that create a table at the same time get a unique
    // violation on the catalog, even with `IF NOT EXISTS`.
    //
    // The triggers are not replaced if they are there, because that would wait for all transactions that have
    // enqueued a job.
    //
    // The first trigger keeps a worker that was declared dead from writing the result of an attempt that is
    // no longer the one that runs. River writes results by the job's id alone. Each attempt of dbop's
    // writes its name into `dbop:by` along with its result; other clients do not change that key. The
    // name is forgotten when the job is fetched, so that a result which is written a second time, because
    // the answer to the first time was lost, is told from a statement that does not change the key.
    //
    // The last trigger notifies those who watch a job. A notification takes a lock of the whole database
    // when its transaction commits, so a job tells only after somebody has begun to watch it.
    schema: "SELECT pg_advisory_xact_lock(hashtextextended('dbop_job', 0));
        CREATE TABLE IF NOT EXISTS dbop_job_worker (
            id TEXT PRIMARY KEY,
            kinds JSONB NOT NULL,
            beat_at TIMESTAMPTZ NOT NULL
        );
        CREATE TABLE IF NOT EXISTS dbop_job_slot (
            job_id BIGINT PRIMARY KEY,
            key TEXT NOT NULL,
            runs BOOLEAN NOT NULL,
            most BIGINT NOT NULL
        );
        CREATE INDEX IF NOT EXISTS dbop_job_slot_key ON dbop_job_slot (key, runs, job_id);
        CREATE TABLE IF NOT EXISTS dbop_job_rate (
            key TEXT PRIMARY KEY,
            next_at BIGINT NOT NULL
        );
        CREATE TABLE IF NOT EXISTS dbop_job_schedule (
            kind TEXT PRIMARY KEY,
            schedule TEXT NOT NULL,
            due_at BIGINT NOT NULL
        );
        CREATE OR REPLACE FUNCTION dbop_job_ignore() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RETURN NULL; END $$;
        CREATE OR REPLACE FUNCTION dbop_job_forget() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.metadata := NEW.metadata - 'dbop:by'; RETURN NEW; END $$;
        CREATE OR REPLACE FUNCTION dbop_job_tell() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_notify(concat('dbop_job.', TG_RELID), NEW.id::text); RETURN NULL; END $$;
        DO $do$ BEGIN
            IF NOT EXISTS (
                SELECT 1 FROM pg_trigger
                WHERE tgname = 'dbop_job_fence' AND tgrelid = 'river_job'::regclass
            ) THEN
                CREATE TRIGGER dbop_job_fence BEFORE UPDATE OF state ON river_job FOR EACH ROW
                    WHEN (
                        OLD.state = 'running'
                        AND NEW.metadata->>'dbop:by' IS DISTINCT FROM OLD.metadata->>'dbop:by'
                        AND NEW.metadata->>'dbop:by' IS DISTINCT FROM concat(
                            OLD.attempted_by[cardinality(OLD.attempted_by)], '/', OLD.attempt, '/',
                            floor(extract(epoch FROM OLD.attempted_at) * 1000)::bigint
                        )
                    )
                    EXECUTE FUNCTION dbop_job_ignore();
                CREATE TRIGGER dbop_job_fetched BEFORE UPDATE OF state ON river_job FOR EACH ROW
                    WHEN (
                        OLD.state <> 'running' AND NEW.state = 'running' AND NEW.metadata ? 'dbop:by'
                    )
                    EXECUTE FUNCTION dbop_job_forget();
            END IF;
            IF NOT EXISTS (
                SELECT 1 FROM pg_trigger
                WHERE tgname = 'dbop_job_tell' AND tgrelid = 'river_job'::regclass
            ) THEN
                CREATE TRIGGER dbop_job_tell AFTER UPDATE ON river_job FOR EACH ROW
                    WHEN (
                        NEW.metadata ? 'dbop:watched' AND (
                            OLD.state <> NEW.state
                            OR OLD.metadata->'dbop:progress' IS DISTINCT FROM NEW.metadata->'dbop:progress'
                            OR OLD.metadata->'dbop:steps' IS DISTINCT FROM NEW.metadata->'dbop:steps'
                            OR OLD.metadata->'output' IS DISTINCT FROM NEW.metadata->'output'
                        )
                    )
                    EXECUTE FUNCTION dbop_job_tell();
            END IF;
        END $do$",
    insert: "WITH job AS (
            SELECT value, position FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS j (value, position)
        ), inserted AS (
            INSERT INTO river_job (
                args, kind, max_attempts, metadata, priority, queue, scheduled_at, state, tags,
                unique_key, unique_states
            )
            SELECT value->'args', value->>'kind', (value->>'max_attempts')::smallint, value->'metadata',
                (value->>'priority')::smallint, value->>'queue',
                coalesce((value->>'scheduled_at')::timestamptz, now()),
                (value->>'state')::river_job_state,
                ARRAY(SELECT jsonb_array_elements_text(value->'tags')),
                decode(value->>'unique_key', 'hex'), (value->>'unique_states')::integer::bit(8)
            FROM job ORDER BY position
            ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND unique_states IS NOT NULL
                AND river_job_state_in_bitmask(unique_states, state)
                DO UPDATE SET kind = river_job.kind
            RETURNING id, xmax <> 0 AS duplicate
        )
        SELECT json_agg(json_build_array(id, duplicate))::text FROM inserted",
    notify: "SELECT pg_notify(
            concat(current_schema(), '.river_insert'), json_build_object('queue', queue)::text
        )::text
        FROM jsonb_array_elements_text($1::jsonb) AS queue",
    store_step: concat!(
        "UPDATE river_job SET metadata = jsonb_set(
            metadata, '{dbop:steps}',
            coalesce(metadata->'dbop:steps', '{}') || jsonb_build_object($4::text, $5::jsonb)
        ) WHERE ",
        while_running!(),
        " RETURNING id::text"
    ),
    move_step: concat!(
        "UPDATE river_job SET metadata = jsonb_set(
            metadata, '{dbop:steps}',
            coalesce(metadata->'dbop:steps', '{}') || jsonb_build_object($4::text, $5::jsonb)
        ) || jsonb_build_object('dbop:progress', $7::jsonb)
        WHERE coalesce(metadata->'dbop:steps'->$4::text->>'items', '0') = $6::text AND ",
        while_running!(),
        " RETURNING id::text"
    ),
    read_step: concat!(
        "SELECT metadata->'dbop:steps'->>$4::text FROM river_job WHERE ",
        while_running!()
    ),
    complete: concat!(
        "UPDATE river_job
        SET state = 'completed', finalized_at = now(), metadata = metadata || $4::jsonb WHERE ",
        while_running!(),
        " RETURNING id::text"
    ),
    is_complete: "SELECT id::text FROM river_job
        WHERE id = $1::bigint AND state = 'completed' AND attempt = $2::smallint
            AND concat(
                attempted_by[cardinality(attempted_by)], '@',
                floor(extract(epoch FROM attempted_at) * 1000)::bigint
            ) = $3",
    annotate: concat!(
        "UPDATE river_job SET metadata = metadata || $4::jsonb WHERE ",
        while_running!(),
        " RETURNING id::text"
    ),
    finish: "WITH told AS (
            SELECT * FROM jsonb_to_recordset($1::jsonb) AS t (
                id BIGINT, attempt SMALLINT, worker TEXT, state TEXT, keeps_attempt BOOLEAN,
                wait DOUBLE PRECISION, error JSONB, rescued BOOLEAN,
                reserved BOOLEAN
            )
        ), finished AS (
            UPDATE river_job AS job SET
                state = CASE
                    WHEN told.state = 'pending' AND job.metadata ? 'cancel_attempted_at' THEN 'cancelled'
                    ELSE told.state
                END::river_job_state,
                attempt = CASE WHEN told.keeps_attempt THEN job.attempt ELSE job.attempt - 1 END,
                finalized_at = CASE WHEN told.state IN ('cancelled', 'discarded')
                    OR told.state = 'pending' AND job.metadata ? 'cancel_attempted_at' THEN now() END,
                scheduled_at = coalesce(now() + make_interval(secs => told.wait), job.scheduled_at),
                errors = CASE WHEN told.error IS NULL THEN job.errors
                    ELSE array_append(coalesce(job.errors, '{}'), told.error) END,
                metadata = CASE WHEN told.rescued THEN jsonb_set(
                        job.metadata, '{river:rescue_count}',
                        to_jsonb(coalesce((job.metadata->>'river:rescue_count')::int, 0) + 1)
                    ) WHEN told.reserved THEN job.metadata || jsonb_build_object('dbop:reserved', true)
                    ELSE job.metadata END
            FROM told
            WHERE job.id = told.id AND job.state = 'running' AND job.attempt = told.attempt
                AND job.attempted_by[cardinality(job.attempted_by)] = told.worker
            RETURNING job.id
        )
        SELECT json_agg(id)::text FROM finished",
    running_of: stuck_where!("attempted_by[cardinality(attempted_by)] = $1"),
    orphans: stuck_where!(
        "NOT EXISTS (
            SELECT 1 FROM dbop_job_worker AS worker
            WHERE worker.id = attempted_by[cardinality(attempted_by)]
        ) AND attempted_at < clock_timestamp() - make_interval(secs =>
            CASE WHEN attempted_by[cardinality(attempted_by)] LIKE 'dbop:%'
                THEN $1::double precision ELSE $2::double precision END)"
    ),
    enter: "INSERT INTO dbop_job_worker (id, kinds, beat_at) VALUES ($1, $2::jsonb, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at RETURNING id",
    beat: "UPDATE dbop_job_worker SET beat_at = clock_timestamp() WHERE id = $1 RETURNING id",
    silent: "SELECT json_agg(json_build_array(id, (extract(epoch FROM beat_at) * 1000000)::bigint::text))::text
        FROM dbop_job_worker
        WHERE beat_at < clock_timestamp() - make_interval(secs => $1::double precision) AND id <> $2",
    bury: "DELETE FROM dbop_job_worker
        WHERE id = $1 AND (extract(epoch FROM beat_at) * 1000000)::bigint::text = $2 RETURNING id",
    leave: "DELETE FROM dbop_job_worker WHERE id = $1 RETURNING id",
    worked_kinds: "SELECT json_agg(DISTINCT kind)::text
        FROM dbop_job_worker, jsonb_array_elements_text(kinds) AS kind",
    lock_key: "SELECT pg_advisory_xact_lock(hashtextextended('dbop_job_slot/' || $1, 0))::text",
    take_slot: "INSERT INTO dbop_job_slot (job_id, key, runs, most)
        SELECT $1::bigint, $2, true, $3::bigint
        WHERE (
            SELECT count(*) FROM dbop_job_slot WHERE key = $2 AND runs AND job_id <> $1::bigint
        ) < $3::bigint
        ON CONFLICT (job_id) DO UPDATE SET key = excluded.key, runs = true, most = excluded.most
        RETURNING key",
    wait_for_slot: "INSERT INTO dbop_job_slot (job_id, key, runs, most)
        VALUES ($1::bigint, $2, false, $3::bigint)
        ON CONFLICT (job_id) DO UPDATE SET key = excluded.key, runs = false, most = excluded.most
        RETURNING key",
    free_slot: "DELETE FROM dbop_job_slot WHERE job_id = $1::bigint RETURNING key",
    admit_next: "WITH next AS (
            SELECT job.id FROM dbop_job_slot AS slot JOIN river_job AS job ON job.id = slot.job_id
            WHERE slot.key = $1 AND NOT slot.runs AND job.state = 'pending'
            ORDER BY job.priority, job.scheduled_at, job.id LIMIT 1
        ), gone AS (
            DELETE FROM dbop_job_slot USING next WHERE job_id = next.id
        )
        UPDATE river_job AS job SET state = 'available' FROM next
        WHERE job.id = next.id AND job.state = 'pending' RETURNING job.queue",
    sweep_slots: "DELETE FROM dbop_job_slot AS slot
        WHERE NOT EXISTS (
            SELECT 1 FROM river_job AS job WHERE job.id = slot.job_id
                AND job.state = CASE WHEN slot.runs THEN 'running' ELSE 'pending' END::river_job_state
        )",
    stalled_keys: "SELECT json_agg(key)::text FROM (
            SELECT key FROM dbop_job_slot GROUP BY key
            HAVING count(*) FILTER (WHERE runs) < max(most) AND bool_or(NOT runs)
        ) AS stalled",
    reserve: "WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at),
        reserved AS (
            INSERT INTO dbop_job_rate AS rate (key, next_at)
            SELECT $1, at + $2::bigint FROM clock
            ON CONFLICT (key) DO UPDATE
                SET next_at = greatest(rate.next_at, excluded.next_at - $2::bigint) + $2::bigint
            RETURNING next_at
        )
        SELECT (next_at - $2::bigint - $3::bigint - at)::text FROM reserved, clock",
    due_at: "SELECT due_at::text FROM dbop_job_schedule WHERE kind = $1 AND schedule = $2",
    plan_first: "INSERT INTO dbop_job_schedule (kind, schedule, due_at) VALUES ($1, $2, $3::bigint)
        ON CONFLICT (kind) DO UPDATE SET schedule = excluded.schedule, due_at = excluded.due_at
            WHERE dbop_job_schedule.schedule <> excluded.schedule
        RETURNING kind",
    plan_next: "UPDATE dbop_job_schedule SET due_at = $4::bigint
        WHERE kind = $1 AND schedule = $2 AND due_at = $3::bigint RETURNING kind",
    // A row that somebody has locked would hold up all others that are watched.
    mark: "UPDATE river_job AS job SET metadata = metadata || '{\"dbop:watched\": true}' FROM (
            SELECT id FROM river_job
            WHERE id = ANY(ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))
                AND NOT metadata ? 'dbop:watched' AND state NOT IN ('cancelled', 'completed', 'discarded')
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS free WHERE job.id = free.id",
    watched: "SELECT json_agg(json_build_object(
            'id', id, 'kind', kind, 'queue', queue, 'state', state, 'priority', priority,
            'attempt', attempt, 'max_attempts', max_attempts,
            'created_at', (extract(epoch FROM created_at) * 1000000)::bigint,
            'scheduled_at', (extract(epoch FROM scheduled_at) * 1000000)::bigint,
            'attempted_at', (extract(epoch FROM attempted_at) * 1000000)::bigint,
            'finalized_at', (extract(epoch FROM finalized_at) * 1000000)::bigint,
            'worker', attempted_by[cardinality(attempted_by)], 'arguments', args,
            'output', metadata->'output', 'progress', metadata->'dbop:progress',
            'steps', coalesce((
                SELECT json_agg(step ORDER BY step COLLATE \"C\")
                FROM jsonb_object_keys(metadata->'dbop:steps') AS step
            ), '[]'),
            'errors', to_json(errors), 'tags', to_json(tags), 'will_tell', metadata ? 'dbop:watched'
        ))::text
        FROM river_job WHERE id = ANY(ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))",
    queues: "SELECT json_agg(json_build_object(
            'queue', queue, 'states', states, 'waits', waits
        ))::text FROM (
            SELECT queue, json_object_agg(state, jobs) AS states, max(waits) AS waits FROM (
                SELECT queue, state, count(*) AS jobs, CASE state WHEN 'available' THEN
                    extract(epoch FROM clock_timestamp() - min(scheduled_at)) END AS waits
                FROM river_job GROUP BY queue, state
            ) AS counted GROUP BY queue ORDER BY queue
        ) AS queues",
    // Each state is read by the index by which workers fetch, so that the time does not depend on how many
    // jobs there are.
    #[cfg(feature = "http")]
    overview: "SELECT json_build_object(
            'running', (
                SELECT json_agg(json_build_object(
                    'id', id, 'kind', kind, 'queue', queue, 'attempt', attempt,
                    'max_attempts', max_attempts, 'progress', metadata->'dbop:progress',
                    'since_ms', extract(epoch FROM clock_timestamp() - attempted_at) * 1000,
                    'worker', attempted_by[cardinality(attempted_by)]
                )) FROM (
                    SELECT * FROM river_job WHERE state = 'running'
                    ORDER BY queue, priority, scheduled_at, id LIMIT 50
                ) AS running
            ),
            'waiting', (
                SELECT json_agg(json_build_object(
                    'id', id, 'kind', kind, 'queue', queue, 'state', job.state, 'attempt', attempt,
                    'max_attempts', max_attempts, 'progress', metadata->'dbop:progress',
                    'due_in_ms', extract(epoch FROM scheduled_at - clock_timestamp()) * 1000
                )) FROM unnest(
                    '{available,pending,retryable,scheduled}'::river_job_state[]
                ) AS waits (state) CROSS JOIN LATERAL (
                    SELECT * FROM river_job WHERE state = waits.state
                    ORDER BY queue, priority, scheduled_at, id LIMIT 20
                ) AS job
            ),
            'failures', (
                SELECT json_agg(json_build_object(
                    'id', id, 'kind', kind, 'queue', queue, 'state', state, 'attempt', attempt,
                    'max_attempts', max_attempts,
                    'ended_ms', extract(epoch FROM clock_timestamp() - finalized_at) * 1000,
                    'error', left(errors[cardinality(errors)]->>'error', 2000)
                )) FROM (
                    SELECT job.* FROM unnest('{discarded,cancelled}'::river_job_state[]) AS ended (state)
                    CROSS JOIN LATERAL (
                        SELECT * FROM river_job WHERE state = ended.state AND finalized_at IS NOT NULL
                        ORDER BY finalized_at DESC LIMIT 500
                    ) AS job
                    WHERE cardinality(errors) > 0 ORDER BY finalized_at DESC LIMIT 20
                ) AS failed
            )
        )::text",
    is_there: "SELECT (to_regclass('river_job') IS NOT NULL AND to_regclass('dbop_job_worker') IS NOT NULL)::text",
};
