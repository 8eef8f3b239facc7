//! [`Test`]: one test on one database, from the database's begin to its end.

use std::any::Any;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::migrate::Migrator;
use tokio::runtime::{Builder, Runtime};

use super::argument::TestArgument;
use super::capture::Capture;
use super::database::{Fixture, Open, Request, TestBackend, TestDatabase};
use super::transaction::rolled_back;
use super::{KEPT_DAYS, database};
use crate::db::Db;
use crate::error::Result;
use crate::session::Tx;

/// How long work on blocking threads may go on after the test.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// What a test may return: `()`, or `Result<(), E>` with an error that has `Debug`.
#[diagnostic::on_unimplemented(
    message = "a test returns `()` or `Result<(), E>` where `E: Debug`, not `{Self}`",
    label = "not the result of a test"
)]
pub trait TestResult {
    /// Whether the test has failed.
    #[doc(hidden)]
    fn has_failed(&self) -> bool;

    /// What a test returns that has not failed.
    #[doc(hidden)]
    fn passed() -> Self;
}

impl TestResult for () {
    fn has_failed(&self) -> bool {
        false
    }

    fn passed() {}
}

impl<E: Debug> TestResult for std::result::Result<(), E> {
    fn has_failed(&self) -> bool {
        self.is_err()
    }

    fn passed() -> Self {
        Ok(())
    }
}

/// One test on one database, as generated code describes it.
#[derive(Debug)]
#[must_use = "a test does nothing until it runs"]
pub struct Test<DB> {
    /// The name of the test, as the harness prints it.
    name: &'static str,
    migrations: Option<&'static Migrator>,
    fixtures: Vec<Fixture>,
    in_memory: bool,
    multi_thread: bool,
    /// What the message of its panic contains, if the test should panic.
    should_panic: Option<&'static str>,
    _database: PhantomData<fn() -> DB>,
}

impl<DB: TestBackend> Test<DB> {
    /// Describes a test without options. `path` is its path, which begins with the crate's name.
    pub fn new(path: &'static str) -> Self {
        Self {
            name: path.split_once("::").map_or(path, |(_, name)| name),
            migrations: None,
            fixtures: Vec::new(),
            in_memory: false,
            multi_thread: false,
            should_panic: None,
            _database: PhantomData,
        }
    }

    /// Sets the option `migrations = ".."`.
    pub fn migrations(mut self, migrations: &'static Migrator) -> Self {
        self.migrations = Some(migrations);
        self
    }

    /// Adds a file of the option `fixtures(..)`.
    pub fn fixture(mut self, path: &'static str, sql: &'static str) -> Self {
        self.fixtures.push(Fixture { path, sql });
        self
    }

    /// Sets the option `in_memory`.
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Sets the option `flavor = multi_thread`.
    pub fn multi_thread(mut self) -> Self {
        self.multi_thread = true;
        self
    }

    /// Notes that the test has the attribute `#[should_panic]`. The harness does not see that
    /// attribute: it cannot tell a panic of the test from one of [`Test`].
    pub fn should_panic(mut self, expected: &'static str) -> Self {
        self.should_panic = Some(expected);
        self
    }

    /// Runs a test that takes a handle or a pool.
    ///
    /// # Panics
    ///
    /// If the test panics, if it leaves a connection in use, or if its database cannot be made.
    #[track_caller]
    pub fn run<A, F>(self, body: impl FnOnce(A) -> F) -> F::Output
    where
        A: TestArgument<DB>,
        F: Future<Output: TestResult>,
    {
        self.run_with(A::open, async |db: Db<DB>| {
            let argument = A::of(&db);
            drop(db);
            body(argument).await
        })
    }

    /// Runs a test that takes a transaction, which is rolled back at the end.
    ///
    /// # Panics
    ///
    /// Like [`run`](Self::run).
    #[track_caller]
    pub fn run_in_transaction<R, F>(self, body: F) -> R
    where
        R: TestResult,
        F: for<'t, 'd> AsyncFnOnce(&'t mut Tx<'d, DB>) -> R,
    {
        self.run_with(database::handle::<DB>, async |db| {
            rolled_back(db, body).await
        })
    }

    #[track_caller]
    fn run_with<R: TestResult>(self, open: Open<DB>, body: impl AsyncFnOnce(Db<DB>) -> R) -> R {
        let capture = Capture::new();
        let here = capture.on_this_thread();
        let runtime = self.runtime(&capture);
        let ended = runtime.block_on(self.life(open, body));
        runtime.shutdown_timeout(SHUTDOWN);
        drop(here);
        // Not in a closure, so that the panic is reported at the test.
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => panic!("the test has not begun: {error}"),
        };
        if ended.has_failed {
            eprint!("{}", ended.report(self.name, &capture));
        }
        if let Some(problem) = ended.problem {
            panic!("{problem}");
        }
        ended.result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn runtime(&self, capture: &Capture) -> Runtime {
        let mut builder = match self.multi_thread {
            true => Builder::new_multi_thread(),
            false => Builder::new_current_thread(),
        };
        let capture = capture.clone();
        builder
            .enable_all()
            .on_thread_start(move || capture.on_this_thread().forever())
            .build()
            .expect("the system has no room for an event queue")
    }

    /// Makes the database, runs the test, and removes the database or keeps it. Returns an error if the
    /// test could not begin.
    async fn life<R: TestResult>(
        &self,
        open: Open<DB>,
        body: impl AsyncFnOnce(Db<DB>) -> R,
    ) -> Result<Ended<R>> {
        let request = Request {
            test: self.name.rsplit("::").nth(1).unwrap_or(self.name),
            migrations: self.migrations,
            in_memory: self.in_memory,
        };
        let database = TestDatabase::open(request, &self.fixtures, open).await?;
        let db = database.db().clone();
        let result = AssertUnwindSafe(body(db)).catch_unwind().await;
        let result = match self.should_panic {
            Some(expected) => panicked(result, expected),
            None => Ok(result),
        };
        let mut problem = result.as_ref().err().cloned();
        let result = result.unwrap_or_else(|_| Ok(R::passed()));
        let mut has_failed = problem.is_some() || result.as_ref().map_or(true, R::has_failed);
        if !has_failed {
            problem = match database.close().await {
                Ok(left) => left,
                Err(error) => Some(error.to_string()),
            };
            has_failed = problem.is_some();
        }
        let mut kept = None;
        if has_failed {
            kept = database.keep().await.unwrap_or_default();
        } else if let Err(error) = database.remove().await {
            problem = Some(format!("the test's database was not removed: {error}"));
            has_failed = true;
        }
        Ok(Ended {
            result,
            problem,
            has_failed,
            kept,
        })
    }
}

/// What a test has returned, or its panic.
type Returned<R> = std::result::Result<R, Box<dyn Any + Send>>;

/// Takes the panic of a test that should panic for its success. Returns what is wrong if the test has
/// not panicked so.
fn panicked<R: TestResult>(
    result: Returned<R>,
    expected: &str,
) -> std::result::Result<Returned<R>, String> {
    let Err(panic) = result else {
        return Err("the test did not panic as it should".to_owned());
    };
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    match text.unwrap_or_default().contains(expected) {
        true => Ok(Ok(R::passed())),
        false => Err(format!(
            "the test should panic with a text that contains `{expected}`"
        )),
    }
}

/// How a test has ended.
struct Ended<R> {
    result: Returned<R>,
    /// Why a test has failed that did not fail by itself.
    problem: Option<String>,
    has_failed: bool,
    /// Where its database was kept.
    kept: Option<String>,
}

impl<R> Ended<R> {
    /// Writes what helps to find out why the test has failed.
    fn report(&self, test: &str, capture: &Capture) -> String {
        let mut report = capture.report(test);
        if let Some(place) = &self.kept {
            report +=
                &format!("The database of {test} is kept for {KEPT_DAYS} days:\n    {place}\n");
        }
        report
    }
}
