//! [`FailedCall`]: the calls of a handle that have failed last.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::{Category, Class, ErrorKind, Outcome};
use crate::op::{Op, ReportedError};

/// A call that has failed, from [`Db::last_errors`](crate::Db::last_errors).
///
/// It has no SQL, and nothing of the database's message, which may quote values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedCall {
    /// When the call ended.
    pub at: SystemTime,
    /// The name of the operation.
    pub operation: &'static str,
    /// The file the operation is in.
    pub file: &'static str,
    /// The line of the operation's name.
    pub line: u32,
    /// The family of the error.
    pub category: Category,
    /// The precise name of the error within its category.
    pub kind: ErrorKind,
    /// The code that the database has given the error, such as the SQLSTATE `40001`. `None` if the
    /// error is not the database's.
    pub status_code: Option<String>,
    /// What is known about the effect of the call.
    pub outcome: Outcome,
    /// The number of attempts, the last one included.
    pub attempts: u32,
    /// How long the call took.
    pub took: Duration,
    /// The message, if it is one of dbop's own about connections and time. It names operations.
    pub message: Option<String>,
}

/// A call that has failed, before it is listed.
pub(crate) struct Failing<'a> {
    pub(crate) op: &'static Op,
    pub(crate) class: Class,
    pub(crate) error: &'a dyn ReportedError,
    pub(crate) outcome: Outcome,
    pub(crate) attempts: u32,
    pub(crate) took: Duration,
}

impl Failing<'_> {
    /// Whether the failure is one of the database, or of the way to it. An error of the application's
    /// own, and a row that is not there, are answers.
    fn is_listed(&self) -> bool {
        !matches!(self.class.category, Category::Application | Category::Query)
    }

    /// Returns the message if nothing of the database's can be in it.
    fn own_message(&self) -> Option<String> {
        use ErrorKind as Kind;
        let is_own = matches!(
            self.class.kind,
            Kind::PoolExhausted
                | Kind::PoolClosed
                | Kind::CircuitOpen
                | Kind::Overloaded
                | Kind::Reclaimed
        );
        let message = self.error.own_message().filter(|_| is_own);
        message.map(str::to_owned)
    }

    fn list(&self) -> FailedCall {
        FailedCall {
            at: SystemTime::now(),
            operation: self.op.name,
            file: self.op.file,
            line: self.op.line,
            category: self.class.category,
            kind: self.class.kind,
            status_code: self.error.status_code().map(Into::into),
            outcome: self.outcome,
            attempts: self.attempts,
            took: self.took,
            message: self.own_message(),
        }
    }
}

/// The calls that have failed last, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<VecDeque<FailedCall>>);

/// So many are kept.
const KEPT: usize = 50;

impl Failures {
    fn all(&self) -> MutexGuard<'_, VecDeque<FailedCall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, failing: &Failing<'_>) {
        if failing.is_listed() {
            let listed = failing.list();
            let mut all = self.all();
            if all.len() == KEPT {
                all.pop_front();
            }
            all.push_back(listed);
        }
    }

    /// Returns them, the latest first.
    pub(super) fn latest(&self) -> Vec<FailedCall> {
        self.all().iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    static REPORT: Op = Op::operation("report", "src/reports.rs", 12);

    fn failing(error: &Error) -> Failing<'_> {
        Failing {
            op: &REPORT,
            class: error.class(),
            error,
            outcome: Outcome::RolledBack,
            attempts: 1,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn the_latest_failures_are_kept_and_the_oldest_make_room() {
        let failures = Failures::default();
        let error = Error::programming(ErrorKind::Syntax, "near `secret`");
        for attempts in 1..=60 {
            failures.add(&Failing {
                attempts,
                ..failing(&error)
            });
        }
        let latest = failures.latest();
        assert_eq!(latest.len(), 50);
        assert_eq!((latest[0].attempts, latest[49].attempts), (60, 11));
        assert_eq!(latest[0].message, None);
    }

    #[test]
    fn a_row_that_is_not_there_is_no_failure_of_the_database() {
        let failures = Failures::default();
        failures.add(&failing(&sqlx::Error::RowNotFound.into()));
        assert_eq!(failures.latest(), []);
        failures.add(&failing(&Error::reclaimed()));
        let message = failures.latest()[0].message.clone();
        assert!(message.expect("it is dbop's").contains("`leak_threshold`"));
    }
}
