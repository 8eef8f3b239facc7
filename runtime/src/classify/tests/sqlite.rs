use super::codes::SQLITE;
use super::{assert_sound, never, retried, transient};
use crate::classify::sqlite::{lookup, sqlite};
use crate::error::{Category, Class, ErrorKind, Retry};

fn all() -> impl Iterator<Item = (String, Class)> {
    SQLITE
        .iter()
        .map(|(code, name)| ((*name).to_owned(), sqlite(*code, "")))
}

#[test]
fn every_result_code_of_sqlite_has_a_deliberate_answer() {
    assert_eq!(SQLITE.len(), 113);
    for (code, name) in SQLITE {
        let class = lookup(*code, "").unwrap_or_else(|| panic!("{code} {name} has no answer"));
        assert_sound(name, class);
    }
}

#[test]
fn exactly_these_result_codes_had_no_effect() {
    assert_eq!(
        retried(all(), Retry::Always),
        [
            "SQLITE_BUSY",
            "SQLITE_BUSY_RECOVERY",
            "SQLITE_BUSY_SNAPSHOT",
            "SQLITE_BUSY_TIMEOUT",
            "SQLITE_LOCKED",
            "SQLITE_LOCKED_SHAREDCACHE",
            "SQLITE_LOCKED_VTAB",
            "SQLITE_PROTOCOL",
            "SQLITE_SCHEMA",
        ]
    );
}

#[test]
fn no_result_code_leaves_the_effect_open() {
    assert!(retried(all(), Retry::IfIdempotent).is_empty());
}

#[test]
fn a_stale_snapshot_is_a_conflict_and_a_held_lock_is_a_lock() {
    assert_eq!(
        sqlite(517, "database is locked"),
        transient(ErrorKind::Serialization, Retry::Always)
    );
    assert_eq!(
        sqlite(262, "database table is locked: account"),
        transient(ErrorKind::Lock, Retry::Always)
    );
}

#[test]
fn busy_with_an_own_unfinished_statement_would_stay_busy() {
    let own = never(Category::Programming, ErrorKind::TransactionState);
    for message in [
        "cannot commit transaction - SQL statements in progress",
        "cannot open savepoint - SQL statements in progress",
        "unable to delete/modify user-function due to active statements",
    ] {
        assert_eq!(sqlite(5, message), own);
    }
}

#[test]
fn a_restricted_delete_is_a_foreign_key_and_raise_is_the_application() {
    assert_eq!(
        sqlite(1811, "FOREIGN KEY constraint failed"),
        never(Category::Integrity, ErrorKind::ForeignKey)
    );
    assert_eq!(
        sqlite(1811, "insufficient funds"),
        never(Category::Application, ErrorKind::Raised)
    );
}

#[test]
fn code_1_is_told_apart_by_its_message() {
    for (message, category, kind) in [
        (
            "near \"no such table\": syntax error",
            Category::Programming,
            ErrorKind::Syntax,
        ),
        ("incomplete input", Category::Programming, ErrorKind::Syntax),
        (
            "error in trigger t: no such table: main.x",
            Category::Programming,
            ErrorKind::UndefinedTable,
        ),
        (
            "table account has no column named cent",
            Category::Programming,
            ErrorKind::UndefinedColumn,
        ),
        (
            "no such function: sqrtt",
            Category::Programming,
            ErrorKind::UndefinedFunction,
        ),
        (
            "no such savepoint: a",
            Category::Programming,
            ErrorKind::TransactionState,
        ),
        (
            "no such index: a",
            Category::Programming,
            ErrorKind::UndefinedObject,
        ),
        (
            "table account already exists",
            Category::Programming,
            ErrorKind::DuplicateObject,
        ),
        (
            "cannot commit - no transaction is active",
            Category::Programming,
            ErrorKind::TransactionState,
        ),
        (
            "cannot VACUUM from within a transaction",
            Category::Programming,
            ErrorKind::TransactionState,
        ),
        ("integer overflow", Category::Data, ErrorKind::OutOfRange),
        ("malformed JSON", Category::Data, ErrorKind::InvalidJson),
        (
            "too many SQL variables",
            Category::Resource,
            ErrorKind::LimitExceeded,
        ),
        (
            "cannot modify v because it is a view",
            Category::Programming,
            ErrorKind::Unsupported,
        ),
        (
            "an extension's own words",
            Category::Programming,
            ErrorKind::Other,
        ),
    ] {
        assert_eq!(sqlite(1, message), never(category, kind), "{message}");
    }
}

#[test]
fn no_message_makes_code_1_retryable() {
    for message in ["database is locked", "database main is locked", "busy", ""] {
        assert_eq!(sqlite(1, message).retry, Retry::Never);
    }
}

#[test]
fn unknown_result_codes_are_never_retried() {
    for primary in 0..=255 {
        let code = primary | (99 << 8);
        assert!(lookup(code, "").is_none());
        let class = sqlite(code, "database is locked");
        assert_eq!(class.retry, Retry::Never, "{code}");
        assert_sound(&code.to_string(), class);
    }
    for code in [-1, i32::MIN, i32::MAX, 29, 102] {
        assert_eq!(sqlite(code, "").retry, Retry::Never);
    }
}

#[test]
fn an_unknown_extended_code_has_the_category_of_its_primary_code() {
    assert_eq!(sqlite(19 | (99 << 8), "").category, Category::Integrity);
    assert_eq!(sqlite(10 | (99 << 8), "").kind, ErrorKind::Io);
    assert_eq!(sqlite(8 | (99 << 8), "").kind, ErrorKind::ReadOnly);
}
