//! What the text of a statement says about its effects. dbop uses this only to be more careful: a
//! statement that cannot be read is taken to write, and its failure is taken to prove nothing.

mod session;

use crate::backend::{CommentSyntax, Traces};

/// What the text of a statement says. The text is read once, before it moves to the driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Whether running the statement may change data.
    pub(crate) writes: bool,
    /// Whether the text may begin or end a transaction. False only for a single statement of a kind
    /// that can do neither.
    pub(crate) may_end_transaction: bool,
    /// Whether the text has a statement that ends the transaction. Another one may begin the next.
    pub(crate) ends_transaction: bool,
    /// Whether the text may change what the session or its transaction is allowed to do.
    pub(crate) may_lift_guard: bool,
    /// What the text leaves in its session.
    pub(crate) traces: Traces,
}

impl Facts {
    /// The facts of a statement of dbop's own.
    pub(crate) const NONE: Self = Self {
        writes: false,
        may_end_transaction: false,
        ends_transaction: false,
        may_lift_guard: false,
        traces: Traces::None,
    };

    /// The facts of statements that dbop does not see.
    pub(crate) const UNSEEN: Self = Self {
        writes: true,
        may_end_transaction: true,
        ends_transaction: false,
        may_lift_guard: true,
        traces: Traces::Unseen,
    };

    /// Whether the text alone proves that the statement only reads.
    pub(crate) const fn provably_reads(self) -> bool {
        !self.writes && !self.may_end_transaction
    }

    /// Reads a text. The first keyword decides whether the text writes. A `WITH`, or several
    /// statements in one text, are taken to write if any word in them can change something.
    pub(crate) fn of(sql: &str, comments: CommentSyntax) -> Self {
        let first = first_keyword(sql, comments);
        let several = has_several(sql);
        let atomic = matches!(
            first,
            SELECT | VALUES | INSERT | UPDATE | DELETE | MERGE | REPLACE | WITH | TABLE
        );
        let writes = match first {
            // A `SELECT .. INTO` creates a table, but counts as a read: it returns no rows, and so
            // cannot be half-read.
            NONE | SELECT if !several => false,
            NONE | SELECT | VALUES | SHOW | TABLE | EXPLAIN | WITH => {
                Words::with_comments(sql, comments).any(|word| changes(word.text))
            }
            _ => true,
        };
        if atomic && !several {
            let traces = session::of_expression(sql, first == UPDATE);
            return Self {
                writes,
                may_end_transaction: false,
                ends_transaction: false,
                may_lift_guard: traces > Traces::None,
                traces,
            };
        }
        let found = session::of_statements(sql, comments);
        Self {
            writes,
            may_end_transaction: true,
            ends_transaction: found.ends_transaction,
            may_lift_guard: found.changes_settings,
            traces: found.traces,
        }
    }
}

/// Whether a statement that has this word may change something.
fn changes(word: &str) -> bool {
    matches!(
        keyword(word),
        INSERT | UPDATE | DELETE | MERGE | REPLACE | CREATE | DROP | ALTER | TRUNCATE | CALL | DO
    )
}

/// Whether the text has a semicolon before its end, which may separate two statements.
fn has_several(sql: &str) -> bool {
    // Hardly any text has a semicolon, so the fast search decides most of the time.
    memchr::memchr(b';', sql.as_bytes()).is_some()
        && sql.trim_end().trim_end_matches(';').contains(';')
}

/// Returns the first keyword of a text, or [`NONE`]. Most texts begin with a keyword of six
/// letters. For those, this compares all six letters at once.
fn first_keyword(sql: &str, comments: CommentSyntax) -> u64 {
    const CAPITALS: u64 = u64::from_be_bytes([0, 0, 0xdf, 0xdf, 0xdf, 0xdf, 0xdf, 0xdf]);
    if let Some(start) = sql.as_bytes().first_chunk()
        && let b' ' | b'\t'..=b'\r' = start[6]
    {
        let six = (u64::from_be_bytes(*start) >> 16) & CAPITALS;
        if let SELECT | INSERT | UPDATE | DELETE | VALUES = six {
            return six;
        }
    }
    let first = Words::of(sql, comments).next();
    first.map_or(NONE, |word| keyword(word.text))
}

/// Whether the failure of a text that was sent alone, outside a transaction, proves that none of it
/// was applied.
///
/// This is true of a single statement that cannot commit part of its work. It is not true of these:
/// `CALL` and `DO` may commit inside
/// (<https://www.postgresql.org/docs/current/plpgsql-transactions.html>), `OR FAIL` and
/// `RAISE(FAIL)` keep the rows changed before the error
/// (<https://www.sqlite.org/lang_conflict.html>), and if several statements are sent as one text,
/// the earlier ones may stand.
pub(crate) fn failure_proves_nothing_applied(sql: &str, comments: CommentSyntax) -> bool {
    let says_fail = |word: Word<'_>| word.text.eq_ignore_ascii_case("FAIL");
    !Facts::of(sql, comments).may_end_transaction
        && !Words::with_comments(sql, comments).any(says_fail)
}

/// Returns the letters of a word, in capitals, as one number, so that a word is compared at once.
/// Returns [`OTHER`] for a word of more than eight letters, which is longer than any keyword below.
const fn keyword(word: &str) -> u64 {
    let letters = word.as_bytes();
    let mut number = 0;
    let mut index = 0;
    while index < letters.len() {
        if index == 8 {
            return OTHER;
        }
        number = number << 8 | letters[index].to_ascii_uppercase() as u64;
        index += 1;
    }
    number
}

const NONE: u64 = 0;
const OTHER: u64 = u64::MAX;
const SELECT: u64 = keyword("SELECT");
const VALUES: u64 = keyword("VALUES");
const SHOW: u64 = keyword("SHOW");
const TABLE: u64 = keyword("TABLE");
const EXPLAIN: u64 = keyword("EXPLAIN");
const WITH: u64 = keyword("WITH");
const INSERT: u64 = keyword("INSERT");
const UPDATE: u64 = keyword("UPDATE");
const DELETE: u64 = keyword("DELETE");
const MERGE: u64 = keyword("MERGE");
const REPLACE: u64 = keyword("REPLACE");
const CREATE: u64 = keyword("CREATE");
const DROP: u64 = keyword("DROP");
const ALTER: u64 = keyword("ALTER");
const TRUNCATE: u64 = keyword("TRUNCATE");
const CALL: u64 = keyword("CALL");
const DO: u64 = keyword("DO");

/// A word of a text.
#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    text: &'a str,
    /// The text from this word on.
    from: &'a str,
    /// Whether this is the first word of its statement.
    begins: bool,
}

/// The words of a text, in order. Words inside strings and quoted names count, too. A string may
/// also contain what looks like a comment, and then hide the words after it. A caller that must not
/// miss a word therefore reads the words of comments as well, see
/// [`with_comments`](Words::with_comments).
#[derive(Clone, Debug)]
struct Words<'a> {
    /// The text that has yet to be read.
    rest: &'a str,
    comments: CommentSyntax,
    skips_comments: bool,
    /// Whether the next word begins a statement.
    begins: bool,
}

impl<'a> Words<'a> {
    /// Returns the words outside comments.
    fn of(sql: &'a str, comments: CommentSyntax) -> Self {
        Self {
            rest: sql,
            comments,
            skips_comments: true,
            begins: true,
        }
    }

    /// Returns all words, also those inside comments.
    fn with_comments(sql: &'a str, comments: CommentSyntax) -> Self {
        Self {
            skips_comments: false,
            ..Self::of(sql, comments)
        }
    }

    /// Returns what follows the `/*` comment with which the rest of the text begins.
    fn after_comment(&self) -> &'a str {
        if !self.comments.nest {
            // In `/*/`, the star that begins the comment does not end it.
            let inside = self.rest[2..].split_once("*/");
            return inside.map_or("", |(_, after)| after);
        }
        let (mut open, mut from) = (0_u32, 0);
        let bytes = self.rest.as_bytes();
        while let Some(pair) = bytes.get(from..from + 2) {
            match pair {
                b"/*" => open += 1,
                b"*/" => open -= 1,
                _ => {
                    from += 1;
                    continue;
                }
            }
            from += 2;
            if open == 0 {
                return &self.rest[from..];
            }
        }
        ""
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let stops = |c: char| is_word(c) || matches!(c, '-' | '/' | ';');
            self.rest = self.rest.trim_start_matches(|c| !stops(c));
            if self.skips_comments && self.rest.starts_with("--") {
                self.rest = self.rest.split_once('\n').map_or("", |(_, after)| after);
            } else if self.skips_comments && self.rest.starts_with("/*") {
                self.rest = self.after_comment();
            } else if let Some(after) = self.rest.strip_prefix(';') {
                self.begins = true;
                self.rest = after;
            } else if self.rest.starts_with(['-', '/']) {
                self.rest = &self.rest[1..];
            } else {
                break;
            }
        }
        let from = self.rest;
        let is_ascii_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let ascii = from.bytes().take_while(is_ascii_word).count();
        let more = from[ascii..].find(|c| !is_word(c));
        let end = more.map_or(from.len(), |more| ascii + more);
        let (text, after) = from.split_at(end);
        self.rest = after;
        let begins = std::mem::take(&mut self.begins);
        (!text.is_empty()).then_some(Word { text, from, begins })
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests;
