//! [`Session`]: this process's session on the server, with which it makes and drops databases.
//!
//! The session holds an advisory lock for as long as the process lives. The databases of a process
//! whose lock is free are leftovers, however the process has ended.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Postgres, Row};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::leftovers;
use super::mark::{self, Mark, PREFIX};
use crate::backend::{PoolPlan, options_of};
use crate::error::{Category, Error, ErrorKind, Result};
use crate::rt::background;
use crate::testing::today;

/// The variable with the URL of the server.
const VARIABLE: &str = "DBOP_TEST_DATABASE_URL";

/// How long the server may take to accept the session, and to answer that it is still there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets nothing end the session while it is idle, and bounds its wait for a template that another
/// process is migrating. A setting that this version of the server does not have is left out.
const PREPARE: &str = "SELECT set_config(
        name, CASE name WHEN 'lock_timeout' THEN '5min' ELSE '0' END, false
    )
    FROM pg_settings
    WHERE name IN (
        'lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_session_timeout'
    )";

/// Returns the options of the variable's URL.
pub(super) fn server() -> Result<PgConnectOptions> {
    let configuration = |text: String| Error::programming(ErrorKind::Configuration, text);
    let url = std::env::var(VARIABLE).map_err(|_| {
        configuration(format!(
            "{VARIABLE} is not set, and a test on PostgreSQL needs a server; set it, for example to \
             `postgres://user:password@localhost:5432/postgres`, to a URL whose user may create \
             databases"
        ))
    })?;
    options_of::<Postgres>(&url)
        .map_err(|error| configuration(format!("{VARIABLE} cannot be used: {}", error.message())))
}

/// Runs `work` on the session of this process, which is opened if that has not been done yet.
///
/// The session belongs to the background runtime, because the runtime of a test ends with the test.
pub(super) async fn on_server<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: for<'s> FnOnce(&'s mut Session) -> BoxFuture<'s, Result<T>> + Send + 'static,
{
    static SESSION: Mutex<Option<Session>> = Mutex::const_new(None);
    let task = background().spawn(async move {
        let mut place = SESSION.lock().await;
        if let Some(session) = &mut *place
            && !session.answers().await
        {
            *place = None;
        }
        if place.is_none() {
            let session = place.insert(Session::open().await?);
            // What is left over does not concern the test that finds it.
            let _ = leftovers::drop_all(session).await;
        }
        work(place.as_mut().expect("opened above")).await
    });
    match task.await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A session in the database that the URL names.
#[derive(Debug)]
pub(super) struct Session {
    conn: PgConnection,
    /// The id of that database. Advisory locks are seen only by the sessions of one database, so the
    /// marks name it.
    pub(super) home: i64,
    /// The key of the lock that tells others that this process lives.
    pub(super) run: i64,
}

impl Session {
    /// # Errors
    ///
    /// Fails at once if the server has not answered before, so that the tests of a process do not wait
    /// for a silent server one after another.
    async fn open() -> Result<Self> {
        static IS_SILENT: AtomicBool = AtomicBool::new(false);
        // A process keeps its number when it has lost a session, so that its databases stay its own.
        static RUN: OnceLock<i64> = OnceLock::new();
        let options = server()?;
        let refused = |error: Error| {
            let advice = Postgres::advice(error.kind(), &options);
            error.advise(format!("{advice} ({VARIABLE} names it)"))
        };
        let silent = || refused(sqlx::Error::PoolTimedOut.into());
        if IS_SILENT.load(Ordering::Relaxed) {
            return Err(silent());
        }
        let connecting = timeout(PATIENCE, options.connect()).await;
        let connected = connecting.map_err(|_| {
            IS_SILENT.store(true, Ordering::Relaxed);
            silent()
        })?;
        let mut conn = connected.map_err(|error| refused(error.into()))?;
        conn.execute(PREPARE).await?;
        let home = "SELECT oid::bigint FROM pg_database WHERE datname = current_database()";
        let home = sqlx::query_scalar(home).fetch_one(&mut conn).await?;
        let run = *RUN.get_or_init(|| fastrand::i64(..));
        let mut session = Self { conn, home, run };
        session.lock(run).await?;
        Ok(session)
    }

    async fn answers(&mut self) -> bool {
        matches!(timeout(PATIENCE, self.conn.ping()).await, Ok(Ok(())))
    }

    /// Creates a database of this process for `test`, as a copy of `template` if there is one.
    /// Returns its name.
    ///
    /// No session may be opened on the database until it has its mark. A process that is killed before
    /// that leaves a database that is [unfinished](Self::unfinished).
    pub(super) async fn create(&mut self, test: &str, template: Option<&str>) -> Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = mark::name(test, self.run, number);
        let database = quoted(&name);
        let template = template.map(|template| format!(" TEMPLATE {}", quoted(template)));
        let template = template.unwrap_or_default();
        let create = format!("CREATE DATABASE {database}{template} CONNECTION LIMIT 0");
        self.run(create)
            .await
            .map_err(|error| match error.category() {
                Category::Permission => {
                    error.advise(format!("give the user of {VARIABLE} the right CREATEDB"))
                }
                _ => error,
            })?;
        self.mark(&name, Mark::Live { run: self.run }).await?;
        self.run(format!("ALTER DATABASE {database} CONNECTION LIMIT -1"))
            .await?;
        Ok(name)
    }

    /// Drops a database of a test, and refuses to drop any other, or one with sessions.
    pub(super) async fn drop_database(&mut self, name: &str) -> Result<()> {
        if !matches!(self.find(name).await?, Found::Ours(_)) {
            return Err(Error::programming(
                ErrorKind::Configuration,
                format!("`{name}` is not a database that dbop has made, so it is not dropped"),
            ));
        }
        self.run(format!("DROP DATABASE {}", quoted(name))).await
    }

    /// Writes the mark of a database.
    pub(super) async fn mark(&mut self, name: &str, mark: Mark) -> Result<()> {
        let comment = mark.write(self.home);
        self.run(format!(
            "COMMENT ON DATABASE {} IS '{comment}'",
            quoted(name)
        ))
        .await
    }

    /// Keeps a database for a reader. Returns whether it is there and was made by dbop.
    pub(super) async fn keep(&mut self, name: &str) -> Result<bool> {
        // The server takes a comment on a database that is gone.
        let is_ours = matches!(self.find(name).await?, Found::Ours(_));
        if is_ours {
            self.mark(name, Mark::Kept { day: today() }).await?;
        }
        Ok(is_ours)
    }

    /// Looks for a database.
    pub(super) async fn find(&mut self, name: &str) -> Result<Found> {
        let sql = "SELECT shobj_description(oid, 'pg_database') FROM pg_database \
                   WHERE datname = $1 AND datname <> current_database()";
        let row = sqlx::query(sql).bind(name);
        let Some(row) = row.fetch_optional(&mut self.conn).await? else {
            return Ok(Found::Nothing);
        };
        let comment: Option<String> = row.try_get(0)?;
        let mark = comment.and_then(|comment| Mark::read(&comment, self.home));
        Ok(match mark.filter(|_| name.starts_with(PREFIX)) {
            Some(mark) => Found::Ours(mark),
            None => Found::Foreign,
        })
    }

    /// Returns the test databases of all processes.
    pub(super) async fn all(&mut self) -> Result<Vec<(String, Mark)>> {
        let sql = "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database \
                   WHERE starts_with(datname, $1) AND datname <> current_database()";
        let rows = sqlx::query_as::<_, (String, Option<String>)>(sql).bind(PREFIX);
        let rows = rows.fetch_all(&mut self.conn).await?;
        let read = |(name, comment): (String, Option<String>)| {
            Some((name, Mark::read(&comment?, self.home)?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Returns the databases that processes have made and not marked yet, each with the run of its
    /// process.
    pub(super) async fn unfinished(&mut self) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT datname FROM pg_database \
                   WHERE starts_with(datname, $1) AND datname <> current_database() \
                   AND datconnlimit = 0 AND shobj_description(oid, 'pg_database') IS NULL";
        let names = sqlx::query_scalar::<_, String>(sql).bind(PREFIX);
        let names = names.fetch_all(&mut self.conn).await?;
        let with_run = |name: String| mark::run_of(&name).map(|run| (name, run));
        Ok(names.into_iter().filter_map(with_run).collect())
    }

    /// Returns what each session on a database is doing, and the advisory locks that it holds.
    pub(super) async fn sessions_on(&mut self, name: &str) -> Result<Vec<String>> {
        let sql = "SELECT concat(
                'the session ', a.pid, ' (', coalesce(a.state, 'starting'), ')',
                ' whose last statement is `' || nullif(left(a.query, 200), '') || '`',
                ' holds ' || nullif((
                    SELECT count(*) FROM pg_locks l
                    WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
                ), 0) || ' advisory lock(s)'
            )
            FROM pg_stat_activity a
            WHERE a.datname = $1 AND a.backend_type = 'client backend'";
        let found = sqlx::query_scalar(sql).bind(name);
        Ok(found.fetch_all(&mut self.conn).await?)
    }

    /// Waits for an advisory lock.
    pub(super) async fn lock(&mut self, key: i64) -> Result<()> {
        let asking = sqlx::query("SELECT pg_advisory_lock($1)").bind(key);
        asking.execute(&mut self.conn).await?;
        Ok(())
    }

    /// Whether a session holds an advisory lock of this key, whatever database the session is on.
    pub(super) async fn is_held_anywhere(&mut self, key: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (
                SELECT 1 FROM pg_locks
                WHERE locktype = 'advisory' AND objsubid = 1 AND granted
                AND (classid::bigint << 32 | objid::bigint) = $1
            )";
        let asking = sqlx::query_scalar(sql).bind(key);
        Ok(asking.fetch_one(&mut self.conn).await?)
    }

    /// Takes an advisory lock if it is free.
    pub(super) async fn try_lock(&mut self, key: i64) -> Result<bool> {
        let asking = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(key);
        Ok(asking.fetch_one(&mut self.conn).await?)
    }

    pub(super) async fn unlock(&mut self, key: i64) -> Result<()> {
        let asking = sqlx::query("SELECT pg_advisory_unlock($1)").bind(key);
        asking.execute(&mut self.conn).await?;
        Ok(())
    }

    pub(super) async fn run(&mut self, sql: String) -> Result<()> {
        self.conn.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }
}

/// The answer of [`Session::find`].
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    /// A database that dbop did not make, or that it made for another URL, or the URL's own.
    Foreign,
    Ours(Mark),
}

/// Writes a name so that SQL takes it as it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
