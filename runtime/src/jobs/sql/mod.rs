//! The statements about jobs, in the SQL of each database.
//!
//! Parameters and results are texts, and whatever is more than a text is JSON. So all that dbop does
//! with jobs is written once.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use serde::de::DeserializeOwned;

#[cfg(feature = "postgres")]
pub(super) use postgres::POSTGRES;
#[cfg(feature = "sqlite")]
pub(super) use sqlite::SQLITE;

use crate::backend::{Backend, Statement};
use crate::call::operation;
use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};
use crate::op::Op;
use crate::session::{View, ask};

/// The statements of one database. Where the first parameters are a job's id, its attempt and its
/// worker, the statement changes the job only while that attempt is the one that runs.
#[derive(Debug)]
pub struct JobSql {
    /// Creates what dbop keeps beside River's tables.
    pub(super) schema: &'static str,
    /// Writes jobs. Postgres: an array of jobs, returns an array of `[id, duplicate]`. SQLite: one job,
    /// returns its id and the nonce that the row has.
    pub(super) insert: &'static str,
    /// Tells the workers of these queues that there are jobs.
    pub(super) notify: &'static str,
    /// Stores the result of a step: id, attempt, worker, name, result.
    pub(super) store_step: &'static str,
    /// Moves the position of a step on, and tells the progress: id, attempt, worker, name, position, the
    /// number of items that the position was at, progress. Returns no row if the position was another one.
    pub(super) move_step: &'static str,
    /// Returns the result of a step: id, attempt, worker, name.
    pub(super) read_step: &'static str,
    /// Completes a job: id, attempt, worker, metadata to add.
    pub(super) complete: &'static str,
    /// Returns a row if the attempt has completed the job: id, attempt, worker.
    pub(super) is_complete: &'static str,
    /// Adds to the metadata of a job: id, attempt, worker, metadata.
    pub(super) annotate: &'static str,
    /// Moves jobs out of `running`, as an array of [`Finished`](super::rescue::Finished) says. Returns an
    /// array of the ids of those that were moved.
    pub(super) finish: &'static str,
    /// Returns the running jobs of a worker, as an array of [`Stuck`](super::rescue::Stuck).
    pub(super) running_of: &'static str,
    /// Returns the running jobs whose worker is not in the table of workers: seconds since they were
    /// fetched, for workers of dbop's and for others.
    pub(super) orphans: &'static str,
    /// Enters a worker: its id, and its kinds.
    pub(super) enter: &'static str,
    /// Notes that a worker is alive. Returns no row if the worker was declared dead.
    pub(super) beat: &'static str,
    /// Returns the workers that have not been heard of for so many seconds, as `[id, heard of]`, without
    /// one worker.
    pub(super) silent: &'static str,
    /// Deletes a worker, if it has not been heard of since. Returns no row otherwise.
    pub(super) bury: &'static str,
    /// Deletes a worker that has ended.
    pub(super) leave: &'static str,
    /// Returns the kinds of all workers.
    pub(super) worked_kinds: &'static str,
    /// Waits until nobody else counts the jobs of a key. Empty where nobody else can.
    pub(super) lock_key: &'static str,
    /// Takes a slot for a job: id, key, limit. Returns no row if all are taken.
    pub(super) take_slot: &'static str,
    /// Lets a job wait for a slot: id, key, limit.
    pub(super) wait_for_slot: &'static str,
    /// Gives the slot of a job back.
    pub(super) free_slot: &'static str,
    /// Lets the job that comes next run: key. Returns its queue.
    pub(super) admit_next: &'static str,
    /// Deletes the slots of jobs that neither run nor wait.
    pub(super) sweep_slots: &'static str,
    /// Returns the keys with a free slot and a waiting job, as an array.
    pub(super) stalled_keys: &'static str,
    /// Reserves the next moment at which a job of a key may begin: key, interval, burst in microseconds.
    /// Returns how many microseconds it is away, which may be less than 0.
    pub(super) reserve: &'static str,
    /// Returns when a kind is due, in milliseconds since 1970: kind, schedule.
    pub(super) due_at: &'static str,
    /// Sets when a kind is due for the first time: kind, schedule, milliseconds.
    pub(super) plan_first: &'static str,
    /// Sets when a kind is due next: kind, schedule, when it was due, when it is due next. Returns no row
    /// if another process has done so.
    pub(super) plan_next: &'static str,
    /// Marks jobs, so that their changes are notified: ids. Jobs that somebody has locked are left out. Empty
    /// where the database does not notify.
    pub(super) mark: &'static str,
    /// Returns jobs: ids. As an array of [`Row`](super::watch::row::Row).
    pub(super) watched: &'static str,
    /// Returns the queues, as an array of [`Counted`](super::queues::Counted).
    pub(super) queues: &'static str,
    /// Returns what the page about jobs shows, as [`Shown`](super::overview::Shown).
    #[cfg(feature = "http")]
    pub(super) overview: &'static str,
    /// Whether the tables are there.
    pub(super) is_there: &'static str,
}

/// Sends a statement within a call, and returns its first row.
pub(super) async fn asked<DB: Backend>(
    view: View<'_, DB>,
    sql: &'static str,
    arguments: &[&str],
) -> Result<Option<DB::Row>> {
    let View { conn, state } = view;
    Ok(ask::<DB>(conn, state, sql, arguments).await?)
}

/// Sends one statement as an operation, and returns its first row.
pub(super) async fn asked_once<DB: Backend>(
    db: &Db<DB>,
    op: &'static Op,
    sql: &'static str,
    arguments: &[&str],
) -> Result<Option<DB::Row>> {
    let ask = operation(db, op, async |conn| {
        asked(conn.view.reborrow(), sql, arguments).await
    });
    ask.await
}

/// Sends a statement on a connection outside of calls, and returns its first row.
pub(super) async fn asked_on<DB: Backend>(
    conn: &mut DB::Connection,
    sql: &'static str,
    arguments: &[&str],
) -> Result<Option<DB::Row>> {
    use sqlx::SqlSafeStr;
    let statement = Statement {
        sql: sql.into_sql_str(),
        prepared: None,
        arguments: Some(DB::texts(arguments)?),
        persistent: true,
    };
    Ok(DB::fetch_optional(conn, statement).await?)
}

/// Reads the first column of a row as JSON. A row that is missing, and NULL, are the default.
pub(super) fn json<DB: Backend, T: DeserializeOwned + Default>(row: Option<DB::Row>) -> Result<T> {
    let text = row.map(|row| DB::text(&row, 0)).transpose()?.flatten();
    let Some(text) = text else {
        return Ok(T::default());
    };
    serde_json::from_str(&text).map_err(|error| {
        Error::programming(
            ErrorKind::InvalidJson,
            format!("what the database says about jobs cannot be read: {error}"),
        )
    })
}
