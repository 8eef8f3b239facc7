//! [`Idle`]: how long a transaction has held its connection and locks without using them.

use std::time::Duration;

use crate::op::Op;
use crate::rt::Moment;

/// The pauses between the statements of one transaction. The first pause that is too long is
/// reported when it ends. Every pause does end, because the call has a deadline.
#[derive(Debug)]
pub(crate) struct Idle {
    op: &'static Op,
    /// The longest pause that is not reported.
    longest: Duration,
    /// When the pause began; `None` while a statement runs.
    since: Option<Moment>,
    reported: bool,
}

impl Idle {
    pub(crate) fn new(op: &'static Op, longest: Duration, now: Moment) -> Self {
        Self {
            op,
            longest,
            since: Some(now),
            reported: false,
        }
    }

    /// Begins a pause, because a statement has ended.
    pub(crate) fn begins(&mut self, now: Moment) {
        self.since = Some(now);
    }

    /// Ends the pause, because the next statement begins or the transaction ends.
    pub(crate) fn ends(&mut self, now: Moment) {
        let Some(since) = self.since.take() else {
            return;
        };
        let idle = now.since(since);
        if idle > self.longest && !self.reported {
            self.reported = true;
            self.report(idle);
        }
    }

    #[cold]
    fn report(&self, idle: Duration) {
        tracing::warn!(
            db.operation.name = self.op.name,
            code.file.path = self.op.file,
            code.line.number = self.op.line,
            dbop.idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX),
            "a transaction has held its connection and its locks while it waited for something \
             else; wait for that before the transaction begins or after it has ended"
        );
    }
}
