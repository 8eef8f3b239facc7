//! [`Repeats`]: statements that one call sends again and again, once for each of many values.
//!
//! This is the "N+1 query": a list is read, and then one statement is sent for each of its items.
//! The lint `query_in_loop` finds such a loop where the source shows it. A loop over calls of other
//! operations shows only here.

use crate::backend::BatchedForms;
use crate::op::Op;

/// The statements that a session has sent lately, and how often.
#[derive(Debug)]
pub(crate) struct Repeats {
    /// The operation that has opened the session.
    op: &'static Op,
    forms: &'static BatchedForms,
    /// A statement that is sent more often is reported. 0 if none is.
    most: u32,
    recent: [Sent; KEPT],
    reported: bool,
}

/// So many different statements may take turns in a loop.
const KEPT: usize = 4;

/// A statement, by the hash of its text. To keep the text itself would copy it.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    hash: u32,
    times: u32,
}

impl Repeats {
    pub(crate) fn new(op: &'static Op, forms: &'static BatchedForms, most: u32) -> Self {
        Self {
            op,
            forms,
            most,
            recent: [Sent::default(); KEPT],
            reported: false,
        }
    }

    /// Notes that the body of `by`, which may have joined the session, sends a statement with this
    /// hash.
    #[inline]
    pub(super) fn sends(&mut self, by: &'static Op, text: &str, hash: u64) {
        if self.most == 0 || self.reported {
            return;
        }
        // Half of the bits tell a handful of texts apart, and this is moved with each session.
        let hash = (hash >> 32) as u32;
        let mut least = 0;
        for index in 0..KEPT {
            let sent = &mut self.recent[index];
            if sent.hash == hash {
                sent.times += 1;
                if sent.times > self.most {
                    self.report(by, text);
                }
                return;
            }
            if sent.times < self.recent[least].times {
                least = index;
            }
        }
        // The statement that was sent least often makes room.
        self.recent[least] = Sent { hash, times: 1 };
    }

    /// Counts the call, and reports the first such call of its operation.
    #[cold]
    fn report(&mut self, by: &'static Op, text: &str) {
        self.reported = true;
        if !self.op.count_repeating() {
            return;
        }
        let lines = self.op.loops.iter().map(u32::to_string);
        let loops = Some(lines.collect::<Vec<_>>().join(", ")).filter(|lines| !lines.is_empty());
        tracing::warn!(
            db.operation.name = self.op.name,
            code.file.path = self.op.file,
            code.line.number = self.op.line,
            dbop.loops = loops,
            dbop.repeated_by = by.name,
            dbop.repeated_by.file = by.file,
            dbop.repeated_by.line = by.line,
            dbop.times = self.most + 1,
            "one call has sent the same statement more than {} times; send one statement for all: {}",
            self.most,
            batched(text, self.forms),
        );
    }
}

/// Returns how a statement of this kind is written for many values at once.
fn batched(text: &str, forms: &'static BatchedForms) -> &'static str {
    let mut words = text.trim_start().split(|c: char| !c.is_ascii_alphabetic());
    let first = words.next().unwrap_or_default();
    match () {
        () if first.eq_ignore_ascii_case("INSERT") => forms.insert,
        () if first.eq_ignore_ascii_case("UPDATE") => forms.update,
        () => forms.read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::text_hash;

    static FORMS: BatchedForms = BatchedForms {
        read: "read",
        insert: "insert",
        update: "update",
    };
    static LISTED: Op = Op::operation("listed", "src/list.rs", 3).loops(&[5]);

    fn repeats(most: u32) -> Repeats {
        Repeats::new(&LISTED, &FORMS, most)
    }

    fn send(repeats: &mut Repeats, text: &str) {
        repeats.sends(&LISTED, text, text_hash(text));
    }

    #[test]
    fn a_statement_is_reported_when_it_was_sent_more_often_than_the_limit() {
        let mut repeats = repeats(3);
        for _ in 0..3 {
            send(&mut repeats, "SELECT a FROM t WHERE id = $1");
            send(&mut repeats, "SELECT b FROM t WHERE id = $1");
            assert!(!repeats.reported);
        }
        send(&mut repeats, "SELECT b FROM t WHERE id = $1");
        assert!(repeats.reported);
    }

    #[test]
    fn many_different_statements_are_not_reported() {
        let mut repeats = repeats(3);
        for number in 0..100 {
            send(&mut repeats, &format!("SELECT {number}"));
        }
        assert!(!repeats.reported);
    }

    #[test]
    fn the_batched_form_fits_the_statement() {
        for (text, form) in [
            ("SELECT a FROM t WHERE id = $1", FORMS.read),
            ("  insert into t values (?)", FORMS.insert),
            ("UPDATE t SET x = 1 WHERE id = $1", FORMS.update),
            ("DELETE FROM t WHERE id = $1", FORMS.read),
        ] {
            assert_eq!(batched(text, &FORMS), form, "{text}");
        }
    }
}
