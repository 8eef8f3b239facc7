//! [`Db::verify_schema`] and [`Db::warm_up`]: what a program asks before it takes its first request.

use std::collections::BTreeMap;
use std::fmt::Write;

use futures_util::future::{join_all, try_join_all};
use sqlx::SqlSafeStr;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use tokio::time::Instant;

use super::handle::Db;
use super::migrate::file;
use crate::backend::{Backend, Leftover};
use crate::error::{Ended, Error, ErrorKind, Outcome, Result};
use crate::op::Op;
use crate::pool::{Lease, Pools};
use crate::rt::Timer;

/// The operations, as errors and the list of those who hold connections name them.
static VERIFY_SCHEMA: Op = Op::operation("verify_schema", file!(), line!()).read_only();
static WARM_UP: Op = Op::operation("warm_up", file!(), line!()).read_only();

impl<DB: Backend> Db<DB> {
    /// Opens the connections that the pools are to keep, at least one in each, and sees that the
    /// database answers on each of them. So the first calls find connections that are open, and a
    /// program that cannot work says so when it starts.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), dbop::Error> {
    /// let db = dbop::Db::<sqlx::Sqlite>::builder()
    ///     .url("sqlite::memory:")
    ///     .min_connections(4)
    ///     .connect()
    ///     .await?;
    /// db.warm_up().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    ///
    /// The number is that of [`min_connections`](crate::DbBuilder::min_connections), for each of the
    /// two pools. Connections that are open already are asked as well. Several who warm up one handle
    /// take turns, because each takes all these connections at once. If the future is dropped, the
    /// connections that are open stay open.
    ///
    /// # Errors
    ///
    /// Fails as [`Db::connect`] does if a connection cannot be opened within the
    /// [`acquire_timeout`](crate::DbBuilder::acquire_timeout), or if the database does not answer
    /// within that time.
    pub async fn warm_up(&self) -> Result<()> {
        let refused = |error| ended(&WARM_UP, error);
        let _running = self.running().begin(WARM_UP.name).map_err(refused)?;
        let _alone = self.inner.warming_up.lock().await;
        let both = [Some(self.pools(false)), self.read_pools()];
        let warmed = both.into_iter().flatten().map(|pools| self.warm(pools));
        try_join_all(warmed).await.map_err(refused)?;
        Ok(())
    }

    /// Opens the connections that these pools are to keep, and gives them back once all are open.
    async fn warm(&self, pools: &Pools<DB>) -> Result<()> {
        let now = Instant::now();
        let until = now + self.defaults().acquire_timeout;
        let count = pools.min_connections().max(1);
        let open = async |_| {
            let mut timer = self.timer();
            let mut lease = pools
                .acquire(WARM_UP.first_attempt(), now, until, &mut timer)
                .await?;
            answers(&mut lease, until, &mut timer).await?;
            Ok(lease)
        };
        let opened: Vec<Result<Lease<DB>>> = join_all((0..count).map(open)).await;
        let mut failed = None;
        for lease in opened {
            match lease {
                Ok(lease) => lease.release().await,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Compares the migrations that this database has with those that the program was written for,
    /// and applies none. A program that does not migrate itself calls this before its first
    /// operation.
    ///
    /// ```
    /// # async fn example(db: dbop::Db<sqlx::Sqlite>) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::path::Path;
    ///
    /// use sqlx::migrate::Migrator;
    ///
    /// let migrator = Migrator::new(Path::new("migrations")).await?; // a folder
    /// db.verify_schema(&migrator).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Migrations that the program does not know are accepted if the `Migrator` was told to by
    /// `set_ignore_missing(true)`: a newer version of the program may be running beside this one.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::ObjectState`] if migrations are missing, were changed after they had been
    /// applied, have failed half-way, or are not known to the program. The message names all of them,
    /// with the files that the program knows, and what to do. Also fails if the database cannot be
    /// asked within the [`timeout`](crate::DbBuilder::timeout) of the handle.
    pub async fn verify_schema(&self, migrator: &Migrator) -> Result<()> {
        let refused = |error| ended(&VERIFY_SCHEMA, error);
        let _running = self.running().begin(VERIFY_SCHEMA.name).map_err(refused)?;
        let (applied, failed) = self.applied(migrator).await.map_err(refused)?;
        match differences(migrator, &applied, failed) {
            None => Ok(()),
            Some(message) => {
                let error = Error::programming(ErrorKind::ObjectState, message);
                Err(refused(error))
            }
        }
    }

    /// Returns the migrations that were applied, and the one that has failed half-way.
    async fn applied(&self, migrator: &Migrator) -> Result<(Vec<AppliedMigration>, Option<i64>)> {
        let now = Instant::now();
        let until = now + self.defaults().acquire_timeout;
        let deadline = now + self.defaults().timeout;
        let mut timer = self.timer();
        let pools = self.pools(false);
        let mut lease = pools
            .acquire(VERIFY_SCHEMA.first_attempt(), now, until, &mut timer)
            .await?;
        lease.left = Leftover::Unfinished;
        let conn = lease.conn();
        let asking = Box::pin(async {
            let table = &*migrator.table_name;
            let applied = conn.list_applied_migrations(table).await?;
            Ok((applied, conn.dirty_version(table).await?))
        });
        let asked: Result<_, MigrateError> = match timer.until(deadline, asking).await {
            Ok(asked) => asked,
            Err(_) => return Err(Error::deadline("the list of the migrations")),
        };
        // An answer, whatever it is, leaves the session clean.
        lease.left = Leftover::Nothing;
        let asked = asked.map_err(|error| Error::from(sqlx::Error::from(error)));
        if asked
            .as_ref()
            .is_err_and(|error| error.kind().ends_session())
        {
            lease.left = Leftover::Unfinished;
        }
        lease.release().await;
        match asked {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok((Vec::new(), None)),
            asked => asked,
        }
    }

    /// A timer whose waits end with the shutdown of the handle.
    fn timer(&self) -> Timer {
        Timer::with_cutoff(self.running().cutoff().clone())
    }
}

/// Waits for an answer of the database.
async fn answers<DB: Backend>(
    lease: &mut Lease<DB>,
    until: Instant,
    timer: &mut Timer,
) -> Result<()> {
    lease.left = Leftover::Unfinished;
    let asking = DB::run(lease.conn(), "SELECT 1".into_sql_str());
    match timer.until(until, asking).await {
        Ok(answer) => answer?,
        Err(_) => return Err(Error::deadline("an answer of the database")),
    };
    lease.left = Leftover::Nothing;
    Ok(())
}

/// Says how the migrations of the database differ from those of the program; `None` if they do not.
fn differences(
    migrator: &Migrator,
    applied: &[AppliedMigration],
    failed: Option<i64>,
) -> Option<String> {
    let mut applied: BTreeMap<_, _> = applied.iter().map(|of| (of.version, of)).collect();
    let newest = migrator.iter().map(|of| of.version).max();
    let (mut missing, mut changed) = (Vec::new(), Vec::new());
    let known =
        |migration: &&sqlx::migrate::Migration| !migration.migration_type.is_down_migration();
    for migration in migrator.iter().filter(known) {
        let name = || file(migration.version, migrator).unwrap_or_default();
        match applied.remove(&migration.version) {
            None => missing.push(name()),
            Some(of) if of.checksum != migration.checksum => changed.push(name()),
            Some(_) => {}
        }
    }
    let left = applied.into_keys().filter(|_| !migrator.ignore_missing);
    let (newer, removed) = left.partition(|version| newest.is_none_or(|newest| *version > newest));
    let numbers = |versions: Vec<i64>| versions.iter().map(i64::to_string).collect();
    let mut message = String::new();
    let mut add = |versions: Vec<String>, what: &str| {
        if !versions.is_empty() {
            let _ = write!(message, "; {} {what}", versions.join(", "));
        }
    };
    add(
        missing,
        "not applied yet: run `migrate` of the handle, or sqlx's tool",
    );
    add(
        changed,
        "changed after it was applied: restore the file, and put the change in a new migration",
    );
    add(
        numbers(failed.into_iter().collect()),
        "failed half-way: mend what it has left, and remove its row or mark it as applied",
    );
    add(
        numbers(newer),
        "newer than this program: run the program that has it, or allow this with \
         `set_ignore_missing(true)` on the `Migrator`",
    );
    add(
        numbers(removed),
        "applied, but not known to this program: restore its file, or allow this with \
         `set_ignore_missing(true)` on the `Migrator`",
    );
    let list = message.strip_prefix("; ")?;
    Some(format!(
        "the schema of the database is not that of the program: {list}"
    ))
}

fn ended(op: &'static Op, mut error: Error) -> Error {
    error.finish(Ended::outermost(op.name, 1, Outcome::RolledBack));
    error
}
