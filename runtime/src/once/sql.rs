//! The statements about markers, in the SQL of each database.

use crate::backend::KnownDatabase;

/// The statements for one database.
#[derive(Debug)]
pub(crate) struct MarkerSql {
    /// Creates the table of markers and its index, unless they exist.
    pub(crate) schema: &'static str,
    /// Sets a marker, and returns the time of that, in a format that is the same in every session.
    /// Returns no row if the marker was there already.
    pub(super) set: &'static str,
    /// Reads the fingerprint, the result and the time of a marker. The time has the format of
    /// [`set`](Self::set).
    pub(super) read: &'static str,
    /// Deletes up to [`BATCH`] of the markers that are older than a week.
    pub(crate) clean_up: &'static str,
}

/// Moves the position of a call in chunks, or enters the first one: operation, key, fingerprint, the new
/// position, and the old one, which is empty if there is none. Returns no row if the position was another
/// one. Positions are kept as the results of markers.
#[cfg(feature = "once")]
pub(crate) const MOVE_POSITION: &str =
    "INSERT INTO dbop_once (op, key, fp, result) VALUES ($1, $2, $3, $4)
    ON CONFLICT (op, key) DO UPDATE
        SET fp = excluded.fp, result = excluded.result, created_at = excluded.created_at
        WHERE dbop_once.result = $5
    RETURNING op";

/// Reads a position: operation, key.
#[cfg(feature = "once")]
pub(crate) const READ_POSITION: &str = "SELECT result FROM dbop_once WHERE op = $1 AND key = $2";

/// How many markers one clean-up deletes at most.
pub(crate) const BATCH: u64 = 500;

/// Returns the statements for this database.
pub(crate) const fn marker_sql(database: KnownDatabase) -> &'static MarkerSql {
    match database {
        #[cfg(feature = "postgres")]
        KnownDatabase::Postgres => &POSTGRES,
        #[cfg(feature = "sqlite")]
        KnownDatabase::Sqlite => &SQLITE,
    }
}

#[cfg(feature = "postgres")]
static POSTGRES: MarkerSql = MarkerSql {
    // The lock is needed because two sessions that create a table at the same time get a unique
    // violation on the catalog, even with `IF NOT EXISTS`.
    schema: "SELECT pg_advisory_xact_lock(hashtextextended('dbop_once', 0));
        CREATE TABLE IF NOT EXISTS dbop_once (
            op TEXT NOT NULL,
            key TEXT NOT NULL,
            fp TEXT NOT NULL,
            result TEXT,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            PRIMARY KEY (op, key)
        );
        CREATE INDEX IF NOT EXISTS dbop_once_created_at ON dbop_once (created_at)",
    // A cast to text would depend on the session's time zone and date style.
    set: "INSERT INTO dbop_once (op, key, fp) VALUES ($1, $2, $3)
        ON CONFLICT (op, key) DO NOTHING
        RETURNING to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
    read: "SELECT fp, result,
            to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
        FROM dbop_once WHERE op = $1 AND key = $2",
    clean_up: "DELETE FROM dbop_once WHERE (op, key) IN (
            SELECT op, key FROM dbop_once WHERE created_at < now() - INTERVAL '7 days'
            LIMIT 500 FOR UPDATE SKIP LOCKED
        )",
};

#[cfg(feature = "sqlite")]
static SQLITE: MarkerSql = MarkerSql {
    schema: "CREATE TABLE IF NOT EXISTS dbop_once (
            op TEXT NOT NULL,
            key TEXT NOT NULL,
            fp TEXT NOT NULL,
            result TEXT,
            created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
            PRIMARY KEY (op, key)
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS dbop_once_created_at ON dbop_once (created_at)",
    set: "INSERT INTO dbop_once (op, key, fp) VALUES ($1, $2, $3)
        ON CONFLICT (op, key) DO NOTHING
        RETURNING created_at",
    read: "SELECT fp, result,
            created_at
        FROM dbop_once WHERE op = $1 AND key = $2",
    clean_up: "DELETE FROM dbop_once WHERE (op, key) IN (
            SELECT op, key FROM dbop_once
            WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-7 days')
            LIMIT 500
        )",
};
