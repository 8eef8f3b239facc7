//! [`Repeats`]: statements that one call sends again and again, once for each of many values.
//!
//! This is the "N+1 query": a list is read, and then one statement is sent for each of its items.
//! The lint `query_in_loop` finds such a loop where the source shows it. A loop over calls of other
//! operations shows only here.

use crate::backend::KnownDatabase;
use crate::op::Op;

/// The statements that a session has sent lately, and how often.
#[derive(Debug)]
pub(crate) struct Repeats {
    /// The operation that has opened the session.
    op: &'static Op,
    database: KnownDatabase,
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
    hash: u64,
    times: u32,
}

impl Repeats {
    pub(crate) fn new(op: &'static Op, database: KnownDatabase, most: u32) -> Self {
        Self {
            op,
            database,
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
        match self.recent.iter_mut().find(|sent| sent.hash == hash) {
            Some(sent) => {
                sent.times += 1;
                if sent.times > self.most {
                    self.report(by, text);
                }
            }
            // The statement that was sent least often makes room.
            None => {
                let least = self.recent.iter_mut().min_by_key(|sent| sent.times);
                if let Some(least) = least {
                    *least = Sent { hash, times: 1 };
                }
            }
        }
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
            batched(text, self.database),
        );
    }
}

/// Returns how a statement of this kind is written for many values at once.
fn batched(text: &str, database: KnownDatabase) -> &'static str {
    let word = text
        .trim_start()
        .split(|c: char| !c.is_ascii_alphabetic())
        .next();
    let is = |keyword: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(keyword));
    match database {
        _ if is("INSERT") && database == KnownDatabase::Postgres => {
            "`INSERT .. SELECT * FROM UNNEST($1::bigint[], $2::text[])`, with one array for each \
             column, or `QueryBuilder::push_values`"
        }
        _ if is("INSERT") => "`QueryBuilder::push_values`, in chunks of some hundred rows",
        KnownDatabase::Postgres if is("UPDATE") => {
            "`UPDATE t SET x = n.x FROM UNNEST($1::bigint[], $2::text[]) AS n (id, x) WHERE t.id = n.id`"
        }
        KnownDatabase::Sqlite if is("UPDATE") => {
            "`UPDATE t SET x = n.value ->> 'x' FROM json_each(?) AS n WHERE t.id = n.value ->> 'id'`"
        }
        KnownDatabase::Postgres => "`WHERE id = ANY($1)` with an array, or a join",
        KnownDatabase::Sqlite => "`WHERE id IN (SELECT value FROM json_each(?))`, or a join",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::text_hash;

    static LISTED: Op = Op::operation("listed", "src/list.rs", 3).loops(&[5]);

    fn repeats(most: u32) -> Repeats {
        Repeats::new(&LISTED, KnownDatabase::Postgres, most)
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
    fn the_batched_form_fits_the_statement_and_the_database() {
        use KnownDatabase::{Postgres, Sqlite};
        for (text, database, part) in [
            ("SELECT a FROM t WHERE id = $1", Postgres, "ANY($1)"),
            ("select a from t where id = ?", Sqlite, "json_each(?)"),
            ("INSERT INTO t VALUES ($1)", Postgres, "UNNEST"),
            ("insert into t values (?)", Sqlite, "push_values"),
            (
                "UPDATE t SET x = 1 WHERE id = $1",
                Postgres,
                "UPDATE t SET x = n.x",
            ),
            (
                "UPDATE t SET x = 1 WHERE id = ?",
                Sqlite,
                "UPDATE t SET x = n.value",
            ),
            ("DELETE FROM t WHERE id = $1", Postgres, "ANY($1)"),
        ] {
            assert!(batched(text, database).contains(part), "{text}");
        }
    }
}
