//! Finds the changes to the session that remain when the transaction has ended.
//!
//! Statements that take a change back are left out: `RESET`, `SET .. TO DEFAULT`, `UNLISTEN`,
//! `pg_advisory_unlock`.

use super::grammar::{label, name, only_name};
use super::tokens::{Cursor, TokenKind};

/// Returns the words of a statement whose purpose is to change the session; `None` for any other
/// statement.
pub(super) fn changed_by(at: Cursor<'_>) -> Option<&'static str> {
    type Shape = fn(Cursor<'_>) -> bool;
    const SHAPES: [(&str, Shape); 7] = [
        ("LISTEN", only_name),
        ("PREPARE", prepare),
        ("DEALLOCATE", deallocate),
        ("DISCARD", discard),
        ("PRAGMA", pragma),
        ("ATTACH", attach),
        ("DETACH", detach),
    ];
    let mut words = at;
    words.skip();
    if at.is("SET") {
        set(words)
    } else if at.is("CREATE") {
        temporary_object(words)
    } else if at.is("DECLARE") {
        holds(words).then_some("DECLARE .. WITH HOLD")
    } else {
        let (word, has_shape) = SHAPES.into_iter().find(|(word, _)| at.is(word))?;
        has_shape(words).then_some(word)
    }
}

/// Returns the first call, at any depth, of a function that changes the session.
///
/// <https://www.postgresql.org/docs/current/functions-admin.html>
pub(super) fn changed_by_call(statement: Cursor<'_>) -> Option<&'static str> {
    const LOCKS: [&str; 4] = [
        "pg_advisory_lock",
        "pg_advisory_lock_shared",
        "pg_try_advisory_lock",
        "pg_try_advisory_lock_shared",
    ];
    let mut at = statement;
    while !at.done() {
        let mut call = at;
        at.at += 1;
        let lock = LOCKS.into_iter().find(|name| call.is(name));
        if lock.is_none() && !call.is("set_config") || is_of_another_schema(call) {
            continue;
        }
        call.skip();
        let Some(arguments) = call.group() else {
            continue;
        };
        let set = || stays(arguments).then_some("set_config(.., false)");
        if let Some(found) = lock.or_else(set) {
            return Some(found);
        }
    }
    None
}

/// Returns whether the function belongs to another schema than `pg_catalog`:
/// `audit.set_config(..)`.
fn is_of_another_schema(function: Cursor<'_>) -> bool {
    let Cursor { tokens, at, .. } = function;
    at >= 2 && tokens.is_symbol(at - 1, b'.') && !tokens.is_word(at - 2, "pg_catalog")
}

/// Returns whether the third argument, `is_local`, is `false`.
fn stays(mut arguments: Cursor<'_>) -> bool {
    let mut commas = 0;
    while !arguments.done() {
        let last = arguments;
        arguments.skip();
        commas += usize::from(last.is_symbol(b','));
        if commas == 2 && last.is("FALSE") && arguments.done() {
            return !arguments.open;
        }
    }
    false
}

/// <https://www.postgresql.org/docs/current/sql-set.html>
fn set(mut at: Cursor<'_>) -> Option<&'static str> {
    // These settings last as long as the transaction.
    const OF_TRANSACTION: [&str; 3] = [
        "transaction_deferrable",
        "transaction_isolation",
        "transaction_read_only",
    ];
    const LOCAL: [&str; 3] = ["CONSTRAINTS", "LOCAL", "TRANSACTION"];
    if LOCAL.iter().any(|word| keywords(&mut at, &[word])) || at.is_any(&OF_TRANSACTION) {
        return None;
    }
    let of_session = keywords(&mut at, &["SESSION"]);
    if of_session && at.eat("CHARACTERISTICS") {
        return at.is("AS").then_some("SET SESSION CHARACTERISTICS");
    }
    let takes_value = special(&mut at);
    if !takes_value {
        // A hole at the beginning may hold another scope.
        let is_named = match at.kind() {
            Some(TokenKind::Word | TokenKind::Name) => true,
            Some(TokenKind::Hole) => of_session,
            _ => false,
        };
        name(&mut at).filter(|()| is_named)?;
    }
    let assigned = at.eat_symbol(b'=') || at.eat("TO");
    let back = at.is("DEFAULT") || takes_value && at.is("NONE");
    let sets = (assigned || takes_value) && !back && (!at.done() || at.open);
    sets.then_some("SET")
}

/// Goes past these words, unless the last one is the first part of a name: `local.tenant`.
fn keywords(at: &mut Cursor<'_>, words: &[&str]) -> bool {
    let mut behind = *at;
    let found = words.iter().all(|word| behind.eat(word)) && !behind.is_symbol(b'.');
    if found {
        *at = behind;
    }
    found
}

/// Goes past the names of settings whose value follows directly.
fn special(at: &mut Cursor<'_>) -> bool {
    const NAMES: [&[&str]; 7] = [
        &["SESSION", "AUTHORIZATION"],
        &["AUTHORIZATION"],
        &["NAMES"],
        &["ROLE"],
        &["SCHEMA"],
        &["TIME", "ZONE"],
        &["XML", "OPTION"],
    ];
    NAMES.iter().any(|words| keywords(at, words))
}

/// <https://www.postgresql.org/docs/current/sql-createtable.html>,
/// <https://www.sqlite.org/lang_createtable.html>
fn temporary_object(mut at: Cursor<'_>) -> Option<&'static str> {
    const KINDS: [(&str, &str); 4] = [
        ("TABLE", "CREATE TEMP TABLE"),
        ("VIEW", "CREATE TEMP VIEW"),
        ("SEQUENCE", "CREATE TEMP SEQUENCE"),
        ("TRIGGER", "CREATE TEMP TRIGGER"),
    ];
    if at.eat("OR") {
        at.eat("REPLACE");
    }
    if !temporary(&mut at) {
        return None;
    }
    at.eat("RECURSIVE");
    let (kind, found) = KINDS.into_iter().find(|(kind, _)| at.eat(kind))?;
    if at.eat("IF") {
        at.eat("NOT");
        at.eat("EXISTS");
    }
    name(&mut at)?;
    (kind != "TABLE" || table_stays(at)).then_some(found)
}

/// Goes past `TEMP`, and the words that may stand in front of it.
fn temporary(at: &mut Cursor<'_>) -> bool {
    at.eat_any(&["GLOBAL", "LOCAL"]);
    at.eat_any(&["TEMP", "TEMPORARY"])
}

/// Returns whether a temporary table certainly has no `ON COMMIT DROP`; `at` stands behind the
/// name. A hole may hold that clause.
fn table_stays(mut at: Cursor<'_>) -> bool {
    if !at.opens(b'(') && !at.is_any(&["AS", "OF", "ON", "PARTITION"]) {
        return false;
    }
    // The query follows `AS`.
    while !at.done() && !at.is("AS") {
        let dropped = at.eat("ON") && at.eat("COMMIT") && at.is("DROP");
        if dropped || at.kind() == Some(TokenKind::Hole) {
            return false;
        }
        at.skip();
    }
    at.is("AS") || !at.open
}

/// Returns whether the table behind `INTO` is a temporary one, which nothing drops at the end of
/// the transaction.
///
/// <https://www.postgresql.org/docs/current/sql-selectinto.html>
pub(super) fn into_temporary(mut at: Cursor<'_>) -> bool {
    temporary(&mut at) && {
        at.eat("TABLE");
        name(&mut at).is_some()
    }
}

/// <https://www.postgresql.org/docs/current/sql-prepare.html>
fn prepare(mut at: Cursor<'_>) -> bool {
    let named = label(&mut at).is_some();
    at.group();
    named && at.eat("AS") && (!at.done() || at.open)
}

/// <https://www.postgresql.org/docs/current/sql-deallocate.html>
fn deallocate(mut at: Cursor<'_>) -> bool {
    at.eat("PREPARE");
    only_name(at)
}

/// <https://www.postgresql.org/docs/current/sql-discard.html>
fn discard(mut at: Cursor<'_>) -> bool {
    at.eat_any(&["ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY"]) && at.done()
}

/// Returns whether a cursor is declared `WITH HOLD`.
///
/// <https://www.postgresql.org/docs/current/sql-declare.html>
fn holds(mut at: Cursor<'_>) -> bool {
    let named = label(&mut at).is_some();
    while at.eat_any(&["ASENSITIVE", "BINARY", "INSENSITIVE", "NO", "SCROLL"]) {}
    named && at.eat("CURSOR") && at.eat("WITH") && at.is("HOLD")
}

/// The pragmas that set something of the connection. Other pragmas read, do something once, or set
/// something that is stored in the file; `defer_foreign_keys` ends with the transaction.
///
/// <https://www.sqlite.org/pragma.html>
const OF_CONNECTION: &str = "analysis_limit automatic_index busy_timeout cache_size cache_spill \
    case_sensitive_like cell_size_check checkpoint_fullfsync count_changes \
    empty_result_callbacks foreign_keys full_column_names fullfsync ignore_check_constraints \
    journal_mode journal_size_limit legacy_alter_table locking_mode max_page_count mmap_size \
    parser_trace query_only read_uncommitted recursive_triggers reverse_unordered_selects \
    secure_delete short_column_names synchronous temp_store threads trusted_schema \
    vdbe_addoptrace vdbe_debug vdbe_listing vdbe_trace wal_autocheckpoint writable_schema";

/// Returns whether a pragma sets something of the connection to a value.
fn pragma(mut at: Cursor<'_>) -> bool {
    let mut schema = at;
    if label(&mut schema).is_some() && schema.eat_symbol(b'.') {
        at = schema;
    }
    let is_mode = at.is("journal_mode");
    if !OF_CONNECTION.split(' ').any(|name| at.eat(name)) {
        return false;
    }
    let value = match at.group() {
        Some(value) => value,
        None if at.eat_symbol(b'=') => at,
        None => return false,
    };
    // The write-ahead log is a mode of the file, which stays when the connection is closed.
    let of_file = value.says("WAL") || value.kind() == Some(TokenKind::Hole) || value.cut();
    (!value.done() || value.open) && !(is_mode && of_file)
}

/// <https://www.sqlite.org/lang_attach.html>
fn attach(mut at: Cursor<'_>) -> bool {
    at.eat("DATABASE");
    // `?` and `?1` are parameters.
    at.eat_symbol(b'?');
    if !at.is("AS") {
        at.skip();
    }
    let named = at.eat("AS") && label(&mut at).is_some();
    named && (at.done() || at.is("KEY"))
}

/// <https://www.sqlite.org/lang_detach.html>
fn detach(mut at: Cursor<'_>) -> bool {
    at.eat("DATABASE");
    only_name(at)
}
