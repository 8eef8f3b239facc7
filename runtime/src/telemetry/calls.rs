//! [`Calls`]: what the calls of a handle tell the recorder.

use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, Label, Recorder};

use super::handles::{Handles, counter, histogram};
use super::names::{
    DURATION, GUARDED_DURATION, GUARDED_OUTCOMES, GUARDED_RETRIES, OUTCOMES, RETRIES,
};
use crate::backend::Location;
use crate::error::{ErrorKind, Outcome};
use crate::op::{Op, ReportedError};

/// What all calls of a handle report to.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Not set where it is not known where the database is.
    location: OnceLock<Location>,
    handles: Handles<Series, OpHandles>,
}

/// An operation and the database system it was called on, by their addresses.
type Series = (usize, usize);

/// What one operation records with.
#[derive(Debug)]
struct OpHandles {
    /// The calls that have succeeded.
    duration: Histogram,
    /// One counter for each outcome.
    outcomes: [Counter; 3],
}

/// The names of the metrics of a call.
struct Names {
    duration: &'static str,
    outcomes: &'static str,
    retries: &'static str,
}

/// Returns the names of the metrics of an operation. Dashboards of databases must not count the calls of
/// other services, so those have names of their own.
fn names_of(op: &Op) -> &'static Names {
    const OF_DATABASE: Names = Names {
        duration: DURATION,
        outcomes: OUTCOMES,
        retries: RETRIES,
    };
    const OF_SERVICE: Names = Names {
        duration: GUARDED_DURATION,
        outcomes: GUARDED_OUTCOMES,
        retries: GUARDED_RETRIES,
    };
    match op.guard {
        None => &OF_DATABASE,
        Some(_) => &OF_SERVICE,
    }
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self {
            location: OnceLock::new(),
            handles: Handles::default(),
        }
    }

    /// Notes where the database is.
    pub(crate) fn are_at(&self, location: Location) {
        // A handle is made once, and its calls come later.
        let _ = self.location.set(location);
    }

    /// Returns the labels that all metrics of an operation have.
    fn labels(&self, op: &Op, system: &'static str) -> Vec<Label> {
        if let Some(guard) = &op.guard {
            let name = Label::from_static_parts("dbop.guarded.name", op.name);
            let breaker = guard
                .breaker
                .map(|breaker| Label::from_static_parts("dbop.breaker", breaker));
            return [Some(name), breaker].into_iter().flatten().collect();
        }
        vec![
            Label::from_static_parts("db.system.name", system),
            Label::from_static_parts("db.operation.name", op.name),
        ]
    }

    /// Returns the labels of a duration.
    fn duration_labels(&self, op: &Op, system: &'static str) -> Vec<Label> {
        let mut labels = self.labels(op, system);
        if let Some(location) = self.location.get() {
            let port = location.port.map(|port| port.to_string());
            for (name, value) in [
                ("db.namespace", &location.namespace),
                ("server.address", &location.address),
                ("server.port", &port),
            ] {
                labels.extend(value.clone().map(|value| Label::new(name, value)));
            }
        }
        labels
    }

    fn handles(&self, recorder: &dyn Recorder, op: &Op, system: &'static str) -> OpHandles {
        let names = names_of(op);
        let outcome = |outcome: Outcome| {
            let mut labels = self.labels(op, system);
            labels.push(Label::from_static_parts("dbop.outcome", outcome.as_str()));
            counter(recorder, names.outcomes, labels)
        };
        OpHandles {
            duration: histogram(recorder, names.duration, self.duration_labels(op, system)),
            outcomes: [
                outcome(Outcome::Committed),
                outcome(Outcome::RolledBack),
                outcome(Outcome::Unknown),
            ],
        }
    }
}

impl OpHandles {
    fn outcome(&self, outcome: Outcome) -> &Counter {
        let [committed, rolled_back, unknown] = &self.outcomes;
        match outcome {
            Outcome::Committed => committed,
            Outcome::RolledBack => rolled_back,
            Outcome::Unknown => unknown,
        }
    }
}

/// What a call keeps for its report.
#[derive(Debug)]
pub(crate) struct CallReport {
    /// The name of the database system in `db.system.name`.
    system: &'static str,
    /// How the call has failed; `None` if it has not. In a box, because that is the usual case.
    failure: Option<Box<Failure>>,
}

#[derive(Debug)]
struct Failure {
    kind: &'static str,
    status_code: Option<String>,
}

impl CallReport {
    /// The report of a call on this database system.
    #[inline]
    pub(crate) fn on(system: &'static str) -> Self {
        Self {
            system,
            failure: None,
        }
    }

    /// Notes the error that the call returns.
    pub(crate) fn failed_with(&mut self, kind: ErrorKind, error: &dyn ReportedError) {
        self.failure = Some(Box::new(Failure {
            kind: kind.as_str(),
            status_code: error.status_code().map(Into::into),
        }));
    }

    /// Notes that the caller has gone away before the call could return.
    pub(crate) fn was_cut_off(&mut self) {
        self.failure = Some(Box::new(Failure {
            kind: "cancelled",
            status_code: None,
        }));
    }

    /// An attempt that has failed in this way is followed by another.
    #[cold]
    pub(crate) fn retried(&self, calls: &Calls, op: &'static Op, kind: ErrorKind) {
        self.with(calls, op, |recorder, _| {
            let mut labels = calls.labels(op, self.system);
            labels.push(Label::from_static_parts("dbop.kind", kind.as_str()));
            counter(recorder, names_of(op).retries, labels).increment(1);
        });
    }

    /// The call has ended with this outcome, after so long.
    #[inline]
    pub(crate) fn ended(&self, calls: &Calls, op: &'static Op, outcome: Outcome, took: Duration) {
        self.with(calls, op, |recorder, handles| {
            handles.outcome(outcome).increment(1);
            match &self.failure {
                None => handles.duration.record(took),
                Some(failure) => failure
                    .duration(recorder, calls, op, self.system)
                    .record(took),
            }
        });
    }

    fn with(&self, calls: &Calls, op: &'static Op, record: impl FnOnce(&dyn Recorder, &OpHandles)) {
        let series = (ptr::from_ref(op).addr(), self.system.as_ptr().addr());
        let register = |recorder: &dyn Recorder| calls.handles(recorder, op, self.system);
        calls.handles.with(series, register, record);
    }
}

impl Failure {
    /// Returns the histogram of calls that have failed in this way. Asked for at each failure, because
    /// there are many ways to fail, most of which never happen.
    fn duration(
        &self,
        recorder: &dyn Recorder,
        calls: &Calls,
        op: &Op,
        system: &'static str,
    ) -> Histogram {
        let mut labels = calls.duration_labels(op, system);
        let code = self.status_code.clone();
        let error_type = code.clone().unwrap_or_else(|| self.kind.to_owned());
        labels.push(Label::new("error.type", error_type));
        labels.extend(code.map(|code| Label::new("db.response.status_code", code)));
        histogram(recorder, names_of(op).duration, labels)
    }
}
