//! A database whose callers go away, and the checks that follow.

use std::time::Duration;

use dbop::{Db, DbBuilder, Scope, db_op};
use dbop_tests::{Fresh, eventually};
use futures_util::future::join_all;
use sqlx::pool::PoolOptions;
use sqlx::{Executor, Pool};
use tokio::time::timeout;

use super::super::super::{Between, ask_whether_clean, ask_whether_quiet, between, slow_down};
use super::operations::{SCHEMA, Trial, Trouble, transaction};
use super::{Database, fresh_with, outside};

/// Far longer than anything in these tests takes on a busy machine, and far shorter than an
/// abandoned statement.
const AT_ONCE: Duration = Duration::from_secs(10);

/// The place where the calls get their sessions.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Db(Db<Database>),
    /// A pool that the caller has made.
    Pool(Pool<Database>),
}

#[derive(Debug)]
pub(crate) struct World {
    /// A handle for the schema, which the calls do not use.
    fresh: Fresh<Database>,
    /// The URL by which the calls reach the database.
    pub(crate) url: String,
    _between: Between,
    pub(crate) place: Place,
    pub(crate) outside: Raw,
    next: i64,
    /// How many connections the read-only pool has; 0 if the calls do not use that pool.
    readers: u32,
}

type Raw = <Database as sqlx::Database>::Connection;

async fn slow_down_all(pool: &Pool<Database>) {
    let all = (0..pool.options().get_max_connections()).map(|_| pool.acquire());
    for conn in join_all(all).await {
        slow_down(&mut conn.expect("a connection")).await;
    }
}

/// Looks at a connection of the read-only pool.
#[db_op(read_only)]
async fn reader_is_clean(
    #[session] conn: &mut Raw,
    together: &tokio::sync::Barrier,
) -> Result<Option<String>, Trouble> {
    together.wait().await;
    Ok(ask_whether_clean(conn, true).await)
}

impl World {
    /// Opens a world with one connection that writes, so that a connection that is not given back
    /// is missed at once. The retry budget is large enough for every retry.
    pub(crate) async fn narrow() -> Self {
        Self::with(|builder| builder.max_connections(1).retry_budget(1.0, 1000.0)).await
    }

    /// Opens a world with two connections that read, besides one or two that write.
    pub(crate) async fn of_readers() -> Self {
        let mut world = Self::with(|builder| builder.max_connections(2)).await;
        world.readers = 2;
        world
    }

    pub(crate) async fn with(configure: fn(DbBuilder<Database>) -> DbBuilder<Database>) -> Self {
        let fresh = fresh_with(configure).await;
        fresh.pool().execute(SCHEMA).await.expect("the schema");
        let outside = outside(&fresh).await;
        let (url, between) = between(&fresh.url).await;
        let db = configure(Db::builder().url(&url)).connect().await;
        let db = db.expect("the same database");
        slow_down_all(db.pool()).await;
        Self {
            place: Place::Db(db),
            url,
            _between: between,
            fresh,
            outside,
            next: 0,
            readers: 0,
        }
    }

    /// Opens another handle to the same database.
    pub(crate) async fn another(&self) -> Db<Database> {
        let db = Db::builder().url(&self.url).max_connections(1).connect();
        db.await.expect("the same database")
    }

    /// Opens a world in which the calls get their sessions from a pool of the caller's own, of this
    /// size.
    pub(crate) async fn with_own_pool(size: u32) -> Self {
        let mut world = Self::narrow().await;
        let pool = PoolOptions::new().max_connections(size);
        let pool = pool.connect(&world.url).await.expect("a pool");
        world.db().close().await;
        slow_down_all(&pool).await;
        world.place = Place::Pool(pool);
        world
    }

    pub(crate) fn db(&self) -> Db<Database> {
        match &self.place {
            Place::Db(db) => db.clone(),
            Place::Pool(_) => panic!("the calls of this world use a pool"),
        }
    }

    pub(crate) fn pool(&self) -> Pool<Database> {
        match &self.place {
            Place::Db(db) => db.pool().clone(),
            Place::Pool(pool) => pool.clone(),
        }
    }

    pub(crate) fn trial(&mut self) -> Trial {
        self.next += 1;
        Trial::new(self.next)
    }

    /// Checks everything that must hold once a call has ended or was dropped, except what it wrote.
    pub(crate) async fn is_as_before(&mut self, context: &str) {
        // This check comes first, because the next borrower may undo what was left for it.
        self.is_quiet(context).await;
        self.pool_is_full_and_clean(context).await;
        self.readers_are_clean(context).await;
        self.next_call_goes_through(context).await;
        self.is_quiet(context).await;
    }

    /// Checks from outside that nothing runs, no transaction is open, no lock is held, and no
    /// session is left that the pool does not know.
    pub(crate) async fn is_quiet(&mut self, context: &str) {
        let begun = std::time::Instant::now();
        loop {
            // The number changes meanwhile: a connection that is being closed counts until it is
            // closed.
            let most = self.most_sessions();
            let Some(still) = ask_whether_quiet(&mut self.outside, most).await else {
                return;
            };
            assert!(begun.elapsed() < AT_ONCE, "{context}: still there: {still}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns how many sessions the pools have.
    fn most_sessions(&self) -> u32 {
        self.fresh.pool().size() + self.pool().size() + self.readers
    }

    async fn pool_is_full_and_clean(&self, context: &str) {
        let pool = self.pool();
        let size = pool.options().get_max_connections();
        let all = join_all((0..size).map(|_| pool.acquire()));
        let Ok(all) = timeout(AT_ONCE, all).await else {
            panic!("{context}: the pool does not give out {size} connections");
        };
        let mut all: Vec<_> = all
            .into_iter()
            .map(|conn| conn.unwrap_or_else(|error| panic!("{context}: {error}")))
            .collect();
        for conn in &mut all {
            if let Some(dirt) = ask_whether_clean(conn, false).await {
                panic!("{context}: a connection of the pool is not clean: {dirt}");
            }
        }
    }

    /// Checks the connections that only read, which only a call can use.
    async fn readers_are_clean(&self, context: &str) {
        let Place::Db(db) = &self.place else { return };
        let size = usize::try_from(self.readers).expect("small");
        let together = tokio::sync::Barrier::new(size);
        let all = join_all((0..size).map(|_| reader_is_clean(db, &together)));
        let Ok(all) = timeout(AT_ONCE, all).await else {
            panic!("{context}: {size} calls that read do not get a connection each");
        };
        for dirt in all {
            let dirt = dirt.unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(dirt, None, "{context}: a reader is not clean");
        }
    }

    async fn next_call_goes_through(&mut self, context: &str) {
        let trial = self.trial();
        match self.place.clone() {
            Place::Db(db) => self.writes(&db, trial, context).await,
            Place::Pool(pool) => self.writes(&pool, trial, context).await,
        }
    }

    async fn writes(&mut self, scope: impl Scope<Database>, trial: Trial, context: &str) {
        let Ok(ended) = timeout(AT_ONCE, transaction(scope, trial.clone())).await else {
            panic!("{context}: the next borrower was delayed");
        };
        ended.unwrap_or_else(|error| panic!("{context}: the next borrower: {error}"));
        assert_eq!(self.parts(&trial).await, [1, 2], "{context}: the next call");
    }

    /// Returns what the call has stored, as another session sees it.
    pub(crate) async fn parts(&mut self, trial: &Trial) -> Vec<i64> {
        let parts = sqlx::query_scalar("SELECT part FROM parts WHERE call = $1 ORDER BY part");
        let parts = parts.bind(trial.call).fetch_all(&mut self.outside);
        parts.await.expect("the rows can be read")
    }

    /// Checks that the hooks have run as these rows demand: those of the commit exactly once if the
    /// call has committed, and otherwise never.
    pub(crate) async fn hooks_fit(&self, trial: &Trial, committed: bool, context: &str) {
        let (once, never) = match committed {
            true => ("committed", "rolled back"),
            false => ("rolled back", "committed"),
        };
        if committed {
            let what = format!("{context}: the hook of the commit");
            eventually(&what, async || trial.count(once) > 0).await;
        }
        assert!(trial.count(once) <= 1, "{context}: {trial:?}");
        assert_eq!(trial.count(never), 0, "{context}: {trial:?}");
        assert_eq!(trial.count("unknown"), 0, "{context}: {trial:?}");
    }
}
