//! [`Usage`]: what the statements of a session have used.

use crate::op::{Op, StatementCounts};
use crate::rt::Moment;

/// What the statements of the operation that runs on a session have used. It is added to the counts
/// of the operation when another one begins to use the session, or the session ends.
#[derive(Debug)]
pub(super) struct Usage {
    op: &'static Op,
    counts: StatementCounts,
    /// When the statement that runs was sent.
    sent: Option<Moment>,
}

impl Usage {
    pub(super) fn new(op: &'static Op) -> Self {
        Self {
            op,
            counts: StatementCounts::default(),
            sent: None,
        }
    }

    /// From now on, statements count for another operation.
    pub(super) fn switch(&mut self, op: &'static Op) {
        self.hand_over();
        self.op = op;
    }

    /// A statement is about to be sent.
    pub(super) fn sends(&mut self, now: Moment) {
        self.sent = Some(now);
    }

    /// The statement that runs is one of the body's.
    pub(super) fn is_of_body(&mut self) {
        self.counts.statements += 1;
    }

    /// The statement that runs has returned or changed these rows.
    pub(super) fn rows(&mut self, rows: u64) {
        self.counts.rows += rows;
    }

    /// The statement that runs has ended, or nobody waits for it any more.
    pub(super) fn ends(&mut self, now: Moment) {
        if let Some(sent) = self.sent.take() {
            self.counts.nanos += now.nanos_since(sent);
        }
    }

    fn hand_over(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        if counts.statements > 0 || counts.nanos > 0 {
            self.op.count_statements(counts);
        }
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        if self.sent.is_some() {
            self.ends(Moment::now());
        }
        self.hand_over();
    }
}
