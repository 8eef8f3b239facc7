//! Reads statements that are neither queries nor changes to rows.

use super::grammar::{may_be_anything, name, only_name};
use super::tokens::{Cursor, TokenKind};

/// The words that may follow `CREATE`, `ALTER` and `DROP`.
///
/// <https://www.postgresql.org/docs/current/sql-commands.html>. `ALTER SYSTEM` is left out, because
/// no transaction may contain it.
const OBJECTS: &str = "ACCESS AGGREGATE CAST COLLATION CONSTRAINT CONVERSION DATABASE DEFAULT \
    DOMAIN EVENT EXTENSION FOREIGN FUNCTION GLOBAL GROUP INDEX LANGUAGE LARGE LOCAL MATERIALIZED \
    OPERATOR OR OWNED POLICY PROCEDURAL PROCEDURE PUBLICATION RECURSIVE ROLE ROUTINE RULE SCHEMA \
    SEQUENCE SERVER STATISTICS SUBSCRIPTION TABLE TABLESPACE TEMP TEMPORARY TEXT TRANSFORM TRIGGER \
    TRUSTED TYPE UNIQUE UNLOGGED USER VIEW VIRTUAL";

/// The words that may follow `BEGIN` and `START TRANSACTION`.
const MODES: &str = "TRANSACTION WORK DEFERRED IMMEDIATE EXCLUSIVE ISOLATION LEVEL SERIALIZABLE \
    REPEATABLE READ COMMITTED UNCOMMITTED ONLY WRITE NOT DEFERRABLE";

/// Whether `EXPLAIN` stands in front of a statement, and whether the statement runs all the same.
pub(super) enum Explain {
    No,
    Shown,
    Run,
}

/// Goes past `EXPLAIN` and its options. Only `ANALYZE` runs the statement.
///
/// <https://www.postgresql.org/docs/current/sql-explain.html>
pub(super) fn explain(at: &mut Cursor<'_>) -> Explain {
    if !at.eat("EXPLAIN") {
        return Explain::No;
    }
    let run = match at.group() {
        Some(options) => analyzes(options),
        None => at.eat_any(&["ANALYZE", "ANALYSE"]),
    };
    at.eat("VERBOSE");
    if run { Explain::Run } else { Explain::Shown }
}

/// Returns whether a list of options contains `ANALYZE`, not switched off. The last mention counts.
fn analyzes(mut options: Cursor<'_>) -> bool {
    let mut run = false;
    while !options.done() {
        if options.kind() == Some(TokenKind::Hole) {
            return false;
        }
        if options.eat_any(&["ANALYZE", "ANALYSE"]) {
            let value = options.tokens.written(options.at);
            let on = ["TRUE", "ON", "1", "'TRUE'", "'ON'"].map(str::as_bytes);
            run = options.done()
                || options.is_symbol(b',')
                || on.iter().any(|on| value.eq_ignore_ascii_case(on));
        } else {
            options.skip();
        }
    }
    run
}

/// Returns the keyword of a statement that begins, ends or divides a transaction; `None` for any
/// other statement.
///
/// <https://www.postgresql.org/docs/current/sql-begin.html>,
/// <https://www.sqlite.org/lang_transaction.html>, <https://www.sqlite.org/lang_savepoint.html>
pub(super) fn control(mut at: Cursor<'_>) -> Option<&'static str> {
    if at.eat("BEGIN") {
        return only(at, MODES).then_some("BEGIN");
    }
    if at.eat("START") {
        return (at.eat("TRANSACTION") && only(at, MODES)).then_some("START TRANSACTION");
    }
    if at.eat("PREPARE") {
        return (at.eat("TRANSACTION") && identifier(at)).then_some("PREPARE TRANSACTION");
    }
    if at.eat("SAVEPOINT") {
        return only_name(at).then_some("SAVEPOINT");
    }
    if at.eat("RELEASE") {
        at.eat("SAVEPOINT");
        return only_name(at).then_some("RELEASE");
    }
    let ends = ["COMMIT", "ROLLBACK", "END", "ABORT"];
    let end = ends.into_iter().find(|end| at.eat(end))?;
    let mut to = at;
    if end == "ROLLBACK" {
        to.eat_any(&["TRANSACTION", "WORK"]);
        if to.eat("TO") {
            to.eat("SAVEPOINT");
            return only_name(to).then_some("ROLLBACK TO");
        }
    }
    let prepared = at.eat("PREPARED");
    let valid = if prepared {
        identifier(at) && matches!(end, "COMMIT" | "ROLLBACK")
    } else {
        only(at, "TRANSACTION WORK AND NO CHAIN")
    };
    valid.then_some(end)
}

/// Returns whether only these words stand here, apart from commas and holes.
fn only(mut at: Cursor<'_>, words: &str) -> bool {
    while at.is_symbol(b',')
        || at.kind() == Some(TokenKind::Hole)
        || words.split(' ').any(|word| at.is(word))
    {
        at.skip();
    }
    at.done()
}

/// Returns whether the string that names a prepared transaction stands here.
fn identifier(mut at: Cursor<'_>) -> bool {
    let text = matches!(at.kind(), Some(TokenKind::Text | TokenKind::Hole));
    at.skip();
    at.done() && (text || at.open)
}

/// Returns whether a statement that begins with this keyword has the shape of a change to something
/// other than rows: everything else that a read-only transaction refuses, and statements that
/// rewrite tables.
///
/// <https://www.postgresql.org/docs/current/sql-set-transaction.html>
pub(super) fn changes(keyword: &str, at: Cursor<'_>) -> bool {
    match keyword {
        "CREATE" | "ALTER" | "DROP" => object(at),
        "TRUNCATE" => truncate(at),
        "GRANT" => reaches(at, "TO"),
        "REVOKE" => reaches(at, "FROM"),
        "COMMENT" => at.is("ON") && reaches(at, "IS"),
        "REFRESH" => at.is("MATERIALIZED"),
        "REINDEX" => maintains(at, "INDEX TABLE SCHEMA DATABASE SYSTEM CONCURRENTLY"),
        // VACUUM INTO writes another file.
        "VACUUM" => !reaches(at, "INTO") && maintains(at, "FULL FREEZE VERBOSE ANALYZE ANALYSE"),
        "CLUSTER" => maintains(at, "VERBOSE"),
        _ => false,
    }
}

/// Returns whether the kind of an object stands here, and more behind it.
fn object(mut at: Cursor<'_>) -> bool {
    if may_be_anything(at) || at.cut() {
        return true;
    }
    let known = OBJECTS.split(' ').any(|word| at.eat(word));
    known && (!at.done() || at.open)
}

/// <https://www.postgresql.org/docs/current/sql-truncate.html>
fn truncate(mut at: Cursor<'_>) -> bool {
    at.eat("TABLE");
    at.eat("ONLY");
    if at.cut() {
        return true;
    }
    let named = name(&mut at).is_some();
    at.eat_symbol(b'*');
    let more = ["RESTART", "CONTINUE", "CASCADE", "RESTRICT"];
    named && (at.done() || at.is_symbol(b',') || at.is_any(&more) || may_be_anything(at))
}

/// Returns whether a word stands, or may stand, at the top level from here on.
fn reaches(mut at: Cursor<'_>, word: &str) -> bool {
    while !at.done() {
        if at.is(word) || at.kind() == Some(TokenKind::Hole) {
            return true;
        }
        at.skip();
    }
    at.open
}

/// Returns whether options stand here, and then nothing or the names of tables and indexes.
fn maintains(mut at: Cursor<'_>, options: &str) -> bool {
    at.group();
    while options.split(' ').any(|word| at.eat(word)) {}
    if at.done() {
        return true;
    }
    let named = name(&mut at).is_some();
    at.group();
    let more = at.is_any(&["USING", "ON"]) || at.is_symbol(b',');
    named && (at.done() || more || may_be_anything(at))
}
