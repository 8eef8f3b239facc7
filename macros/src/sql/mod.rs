//! Finds out what a SQL text does, as far as its words say.
//!
//! The lints use this module to read SQL in string literals. A wrong finding rejects a correct
//! program, so any text that cannot be read with certainty reads as nothing: text that PostgreSQL
//! and SQLite read differently, text of which a part is only known at run time, and text that is no
//! SQL at all.
//!
//! There are two steps. [`lexer`] turns a text into [`tokens`], and [`statement`] reads the tokens
//! of one statement. [`utility`] reads statements that are neither queries nor changes to rows, and
//! [`session`] finds changes to the session that outlive the transaction. All three build on
//! [`grammar`].

mod grammar;
mod lexer;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod tokens;
mod utility;

use std::ops::Range;

use tokens::{Cursor, TokenKind, Tokens};

/// How much is known of the text that reaches the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextForm {
    /// The whole text is known.
    Whole,
    /// The text is a `format!` string, in which `{..}` is a hole for an unknown text (`{{` and `}}`
    /// are braces).
    Template,
    /// Only the beginning is known, and more is added at run time (to a `QueryBuilder`, or to a
    /// `String` with `push_str`).
    Beginning,
}

/// The database that a text is for, as far as the types of a function tell. The comments of
/// PostgreSQL nest, and those of SQLite do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
    Unknown,
}

/// One statement of a text. A part of its `WITH` that changes data belongs to the statement.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Statement {
    /// The keyword of a change: `INSERT`, `UPDATE`, `DELETE`, `REPLACE`, `MERGE`, `TRUNCATE`,
    /// `CREATE`, `ALTER`, `DROP`, `COPY` (only `COPY .. FROM`), `GRANT`, `REVOKE`, `COMMENT`,
    /// `REINDEX`, `VACUUM`, `CLUSTER`, `REFRESH` or `SELECT INTO`. The keyword is that of the
    /// statement itself, or else that of the first part of its `WITH` that changes something.
    /// `None` for anything else.
    pub(crate) writes: Option<&'static str>,
    /// `FOR UPDATE`, `FOR NO KEY UPDATE`, `FOR SHARE` or `FOR KEY SHARE`, if the statement locks
    /// rows, which a read-only transaction of PostgreSQL refuses. `None` for any other statement.
    pub(crate) locks: Option<&'static str>,
    /// `UPDATE` or `DELETE`, if the statement, or one inside its `WITH`, certainly has neither a
    /// `WHERE` nor a `LIMIT` of its own. `None` for any other statement.
    pub(crate) unfiltered: Option<&'static str>,
    /// `BEGIN`, `START TRANSACTION`, `COMMIT`, `END`, `ROLLBACK`, `ABORT`, `SAVEPOINT`, `RELEASE`,
    /// `ROLLBACK TO` or `PREPARE TRANSACTION`, if the statement begins, ends or divides a
    /// transaction. `None` for any other statement.
    pub(crate) control: Option<&'static str>,
    /// A change to the session that outlives the transaction: `SET`, `SET SESSION CHARACTERISTICS`,
    /// `set_config(.., false)`, the name of a function that takes an advisory lock, `CREATE TEMP
    /// TABLE` (or `VIEW`, `SEQUENCE`, `TRIGGER`), `SELECT INTO TEMP`, `LISTEN`, `PREPARE`,
    /// `DEALLOCATE`, `DISCARD`, `DECLARE .. WITH HOLD`, `PRAGMA`, `ATTACH` or `DETACH`. `None` for
    /// any other statement.
    pub(crate) session: Option<&'static str>,
    /// Whether `LIMIT`, `FETCH FIRST` or `FETCH NEXT` stands anywhere in the statement, subqueries
    /// included.
    pub(crate) limited: bool,
    /// Whether `?` stands anywhere in the statement, outside of strings, names and comments.
    pub(crate) has_question_mark: bool,
}

/// Reads every statement of a text. Empty statements are left out.
pub(crate) fn read(text: &str, form: TextForm, dialect: Dialect) -> Vec<Statement> {
    let tokens = lexer::tokenize(text, form == TextForm::Template, dialect);
    let mut from = 0;
    let mut statements = Vec::new();
    for part in split(&tokens) {
        let terminated = part.end < tokens.list.len();
        let to = tokens.list.get(part.end).map_or(text.len(), |end| end.end);
        let holes = match form {
            TextForm::Template => holes(text, from..to),
            TextForm::Whole | TextForm::Beginning => None,
        };
        from = to;
        if part.is_empty() {
            continue;
        }
        let open = !terminated && (form == TextForm::Beginning || tokens.unclosed);
        let whole = Cursor::new(&tokens, part, open);
        statements.push(statement::read_statement(whole, holes));
    }
    statements
}

/// Returns the tokens of each statement, without the semicolon.
fn split(tokens: &Tokens<'_>) -> Vec<Range<usize>> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    let mut body = false;
    while let Some(token) = tokens.list.get(at) {
        if tokens.is_symbol(at, b';') {
            // Only an END after a semicolon ends a body: the END of a CASE never follows a
            // semicolon.
            if body && tokens.is_word(at + 1, "END") {
                body = false;
            } else if !body {
                parts.push(start..at);
                start = at + 1;
            }
        } else if !body && tokens.is_word(at, "BEGIN") {
            body = begins_body(tokens, start, at);
        }
        at = match token.kind {
            TokenKind::Open => token.partner.max(at + 1),
            _ => at + 1,
        };
    }
    parts.push(start..tokens.list.len());
    parts
}

/// Returns whether `BEGIN` begins the statements inside a `CREATE TRIGGER` of SQLite or a function
/// of PostgreSQL, which end with `END` and not with the next semicolon.
///
/// A column called `begin` in a trigger reads as a body, too. The text behind it is then not looked
/// at, which does less harm than a wrong finding.
///
/// <https://www.sqlite.org/lang_createtrigger.html>
/// <https://www.postgresql.org/docs/current/sql-createfunction.html>
fn begins_body(tokens: &Tokens<'_>, start: usize, begin: usize) -> bool {
    let mut head = start;
    for word in ["EXPLAIN", "QUERY", "PLAN"] {
        head += usize::from(tokens.is_word(head, word));
    }
    // CREATE OR REPLACE CONSTRAINT TRIGGER is the longest.
    let trigger = (head + 1..=head + 4).any(|at| tokens.is_word(at, "TRIGGER"));
    tokens.is_word(head, "CREATE") && (trigger || tokens.is_word(begin + 1, "ATOMIC"))
}

/// Returns where the first and the last hole of a part of the text begin; `None` if there is no
/// hole. Holes in strings and comments count, because an unknown value can end a string.
fn holes(text: &str, part: Range<usize>) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (None, part.start);
    while at < part.end {
        if bytes[at] != b'{' {
            at += 1;
        } else if bytes.get(at + 1) == Some(&b'{') {
            at += 2;
        } else {
            let first = found.map_or(at, |(first, _)| first);
            found = Some((first, at));
            at += 1;
        }
    }
    found
}
