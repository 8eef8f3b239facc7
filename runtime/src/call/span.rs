//! [`CallSpan`]: the span of a call, with the names of OpenTelemetry's conventions for database
//! clients (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
//!
//! The fields that the conventions name for sampling are there when the span is made. The operation
//! is the summary of its statements: its name is all that is known of them before they are sent,
//! and is the same for each call.

use tracing::{Span, field};

use crate::backend::Location;
use crate::error::ErrorKind;
use crate::op::{Guard, Op, ReportedError};

/// The span of a call, where somebody listens.
#[derive(Debug)]
pub(crate) struct CallSpan {
    pub(super) span: Span,
    /// The code that the database has given the last error; `None` if that error has none.
    pub(super) status_code: Option<String>,
}

/// Whether anybody listens: a subscriber, or a logger, to which `tracing` writes by a feature that
/// sqlx turns on.
#[inline]
pub(crate) fn is_heard() -> bool {
    let subscribed = tracing::level_filters::LevelFilter::current() >= tracing::Level::INFO;
    subscribed || log::max_level() >= log::LevelFilter::Info
}

impl CallSpan {
    /// Returns the span of a call of which only the database's product is known; `None` if nobody
    /// listens. `system` is the name of the product in spans.
    #[inline]
    pub(crate) fn without_location(op: &Op, system: &'static str) -> Option<Box<Self>> {
        is_heard().then(|| Self::new(op, system, &Location::default()))
    }

    /// Returns the span of a call of another service; `None` if nobody listens. The client of the service
    /// may make a span of the kind `client` within, which this one is not.
    pub(super) fn of_guarded(op: &Op, guard: &Guard) -> Option<Box<Self>> {
        is_heard().then(|| {
            let span = tracing::info_span!(
                "guarded_call",
                otel.name = op.name,
                otel.kind = "internal",
                dbop.guarded.name = op.name,
                dbop.breaker = guard.breaker,
                code.file.path = op.file,
                code.line.number = op.line,
                error.r#type = field::Empty,
                dbop.kind = field::Empty,
                dbop.attempts = field::Empty,
                dbop.outcome = field::Empty,
            );
            Box::new(Self {
                span,
                status_code: None,
            })
        })
    }

    #[inline(never)]
    pub(super) fn new(op: &Op, system: &'static str, location: &Location) -> Box<Self> {
        let span = tracing::info_span!(
            "db_operation",
            otel.name = op.name,
            otel.kind = "client",
            db.system.name = system,
            db.operation.name = op.name,
            db.query.summary = op.name,
            db.namespace = location.namespace,
            server.address = location.address,
            server.port = location.port,
            code.file.path = op.file,
            code.line.number = op.line,
            db.response.status_code = field::Empty,
            error.r#type = field::Empty,
            dbop.kind = field::Empty,
            dbop.attempts = field::Empty,
            dbop.outcome = field::Empty,
        );
        Box::new(Self {
            span,
            status_code: None,
        })
    }

    /// Notes the error of an attempt, for the event that says that the attempt is repeated.
    #[cold]
    pub(super) fn saw(&mut self, error: &dyn ReportedError) {
        self.status_code = error.status_code().map(Into::into);
    }

    /// Records the error that the call returns.
    pub(super) fn failed_with(&self, kind: ErrorKind, error: &dyn ReportedError) {
        let code = error.status_code();
        let code = code.as_deref();
        self.span.record("db.response.status_code", code);
        self.span
            .record("error.type", code.unwrap_or(kind.as_str()));
        self.span.record("dbop.kind", kind.as_str());
    }
}
