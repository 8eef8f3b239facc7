//! What a text does to its session and its transaction, as far as its words tell.

use std::borrow::Cow;

use super::{Word, Words};
use crate::backend::{CommentSyntax, Traces};

/// Returns what a single statement that reads or changes rows leaves in its session. This looks for
/// functions that are known to leave something, for `SELECT .. INTO TEMP`, and, if the statement
/// `updates`, for an `UPDATE` of `pg_settings`, which is a `SET`.
pub(super) fn of_expression(sql: &str, updates: bool) -> Traces {
    let bytes = sql.as_bytes();
    // Each of the names has one of the letters searched for below, which are rare in most texts.
    let leaves = |at: usize| match bytes[at] {
        b'_' => {
            let (before, after) = (&bytes[..at], &bytes[at + 1..]);
            let is_settings = ends_with(before, b"pg") && starts_with(after, b"settings");
            is_function_of_session(before, after) || (updates && is_settings)
        }
        _ => ends_with(&bytes[..at], b"tem") && is_after_into(&bytes[..at - 3]),
    };
    match memchr::memchr3_iter(b'_', b'p', b'P', bytes).any(leaves) {
        true => Traces::State,
        false => Traces::None,
    }
}

/// Whether `INTO` stands shortly before the end of this text, as in `INTO LOCAL TEMP` and
/// `INTO pg_temp.t`.
fn is_after_into(before: &[u8]) -> bool {
    const FARTHEST: usize = 24;
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if before.last().is_some_and(is_of_word) && !ends_with(before, b"pg_") {
        return false;
    }
    let near = &before[before.len().saturating_sub(FARTHEST)..];
    let is_into = |word: &[u8]| starts_with(word, b"into") && !is_of_word(&word[4]);
    near.windows(5).any(is_into)
}

/// Whether the name around an underscore is `set_config`, or `pg_advisory_lock` or another function
/// that takes a lock which outlives the transaction.
fn is_function_of_session(before: &[u8], after: &[u8]) -> bool {
    (ends_with(before, b"advisory") && starts_with(after, b"lock"))
        || (ends_with(before, b"set") && starts_with(after, b"config"))
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let tail = text.len().checked_sub(end.len()).map(|from| &text[from..]);
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    let head = text.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// What the statements of a text do.
pub(super) struct SessionFacts {
    /// Whether a statement ends the transaction.
    pub(super) ends_transaction: bool,
    /// Whether a statement may change what the session or its transaction is allowed to do.
    pub(super) changes_settings: bool,
    /// What the statements leave in the session.
    pub(super) traces: Traces,
}

/// Reads any text, which may have several statements.
pub(super) fn of_statements(sql: &str, comments: CommentSyntax) -> SessionFacts {
    let traces = of_expression(sql, true);
    let mut found = SessionFacts {
        ends_transaction: false,
        changes_settings: traces > Traces::None,
        traces,
    };
    let sql = &*without_body(sql, comments);
    let mut look = |rest: &str| {
        let statement = first_statement(rest, comments);
        let mut words = Words::of(statement, comments).map(|word| word.text);
        let first = words.next().unwrap_or_default();
        found.ends_transaction |= ends_transaction(first, words.clone());
        found.changes_settings |= is_one_of(
            first,
            &["SET", "RESET", "DISCARD", "DO", "CALL", "PRAGMA", "EXECUTE"],
        );
        found.traces = found
            .traces
            .max(match first.eq_ignore_ascii_case("PRAGMA") {
                true => of_pragma(statement, words),
                false => of_statement(first, words),
            });
    };
    // A statement may begin after any semicolon. The reader of words skips comments, also what only
    // looks like the beginning of a comment inside a string, which hides all that follows from it.
    // So both are looked at: every semicolon, and every word that begins a statement.
    let after = |(at, end): (usize, &str)| &sql[at + end.len()..];
    std::iter::once(sql)
        .chain(sql.match_indices(';').map(after))
        .for_each(&mut look);
    Words::of(sql, comments)
        .filter(|word| word.begins)
        .for_each(|Word { from, .. }| look(from));
    // In a text that has comments and strings, also look at what follows each comment.
    let has_comments = sql.contains("--") || sql.contains("/*");
    if has_comments && sql.contains(['\'', '"']) {
        let ends = ["*/", "\n"].map(|end| sql.match_indices(end));
        ends.into_iter().flatten().map(after).for_each(&mut look);
    }
    found
}

/// Returns the text up to the next word that begins another statement.
fn first_statement(sql: &str, comments: CommentSyntax) -> &str {
    let mut others = Words::of(sql, comments).skip(1);
    match others.find(|word| word.begins) {
        Some(next) => &sql[..sql.len() - next.from.len()],
        None => sql,
    }
}

/// Returns the text without the body in dollar quotes that may follow a `DO` or `CREATE` at its
/// beginning. Such a body is a text of its own, whose `END` is the end of a block
/// (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-DOLLAR-QUOTING>).
fn without_body(sql: &str, comments: CommentSyntax) -> Cow<'_, str> {
    let first = Words::of(sql, comments).next();
    let has_body = first.is_some_and(|word| is_one_of(word.text, &["DO", "CREATE"]));
    let body = (has_body && comments.nest).then(|| {
        let from = sql.find('$')?;
        let tag_length = sql[from + 1..].find('$')? + 2;
        let tag = &sql[from..from + tag_length];
        let is_tag = tag[1..tag_length - 1].chars().all(super::is_word);
        // Inside a string, a dollar sign quotes nothing.
        let is_quoted = sql[..from].matches('\'').count() % 2 == 1;
        let length = sql[from + tag_length..].find(tag);
        let length = length.filter(|_| is_tag && !is_quoted)?;
        Some(from..from + 2 * tag_length + length)
    });
    match body.flatten() {
        Some(body) => [&sql[..body.start], &sql[body.end..]].concat().into(),
        None => sql.into(),
    }
}

/// Whether the statement with the word `first`, and the words `rest` after it, ends a transaction.
fn ends_transaction<'a>(first: &str, mut rest: impl Iterator<Item = &'a str>) -> bool {
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if is("PREPARE") {
        return rest
            .next()
            .is_some_and(|word| is_one_of(word, &["TRANSACTION"]));
    }
    if !is_one_of(first, &["COMMIT", "END", "ROLLBACK", "ABORT"]) {
        return false;
    }
    // `ROLLBACK TO` goes back to a savepoint. A word such as `WORK` may stand between the two.
    let goes_back = |word| is_one_of(word, &["TO"]);
    !(is("ROLLBACK") && rest.take(2).any(goes_back))
}

/// Returns what the statement that begins with the word `first` leaves in its session.
fn of_statement<'a>(first: &str, mut rest: impl Iterator<Item = &'a str>) -> Traces {
    let mut next = || rest.next().unwrap_or_default();
    match first.to_ascii_uppercase().as_str() {
        "SET" if is_one_of(next(), &["LOCAL", "TRANSACTION", "CONSTRAINTS"]) => Traces::None,
        "SET" | "RESET" | "LISTEN" | "DECLARE" | "DO" | "CALL" => Traces::State,
        "EXPLAIN" | "CREATE" | "SELECT" | "WITH" => {
            // For example `CREATE LOCAL TEMP`, `CREATE OR REPLACE TEMP` and `SELECT .. INTO TEMP`;
            // also SQLite's `EXPLAIN PRAGMA`, which takes effect.
            let left = rest.map(|word| match word.to_ascii_uppercase().as_str() {
                "TEMP" | "TEMPORARY" | "PG_TEMP" => Traces::State,
                "PRAGMA" => Traces::Lasting,
                _ => Traces::None,
            });
            left.max().unwrap_or(Traces::None)
        }
        "PREPARE" if is_one_of(next(), &["TRANSACTION"]) => Traces::None,
        "PREPARE" | "DEALLOCATE" | "DISCARD" | "LOAD" | "ATTACH" | "DETACH" => Traces::Lasting,
        _ => Traces::None,
    }
}

/// Returns what a pragma of SQLite leaves in its connection. A pragma leaves nothing if it only
/// reads, or if its setting is kept in the file (<https://www.sqlite.org/pragma.html>).
fn of_pragma<'a>(statement: &str, words: impl Iterator<Item = &'a str>) -> Traces {
    const OF_FILE: [&str; 29] = [
        "application_id",
        "collation_list",
        "compile_options",
        "data_version",
        "database_list",
        "encoding",
        "foreign_key_check",
        "foreign_key_list",
        "freelist_count",
        "function_list",
        "incremental_vacuum",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "module_list",
        "optimize",
        "page_count",
        "page_size",
        "pragma_list",
        "quick_check",
        "schema_version",
        "shrink_memory",
        "stats",
        "table_info",
        "table_list",
        "table_xinfo",
        "user_version",
        "wal_checkpoint",
    ];
    let sets = statement.contains(['=', '(']);
    // The name of a schema may stand before the name of the pragma.
    let is_of_file = words.take(2).any(|word| is_one_of(word, &OF_FILE));
    match sets && !is_of_file {
        true => Traces::Lasting,
        false => Traces::None,
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|each| each.eq_ignore_ascii_case(word))
}
