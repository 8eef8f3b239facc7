//! Reads texts that are only partly known, and texts that are no SQL.

use super::*;

#[test]
fn a_hole_may_hold_the_where() {
    unfiltered(
        TextForm::Template,
        &[
            ("UPDATE t SET a = {value}, b = 2 RETURNING id", None),
            ("UPDATE t SET a = '{value}'", None),
            ("UPDATE t SET a = 1 {filter}", None),
            ("UPDATE t SET a = 1 -- {note}", None),
            ("DELETE FROM t {filter};", None),
            ("DELETE FROM {table}", None),
            ("DELETE FROM {table} {filter};", None),
            ("DELETE FROM {table} AS x;", None),
            ("UPDATE {table} SET a = {value}", None),
            ("WITH a AS ({query}) DELETE FROM t", None),
            ("WITH a AS ({query}) DELETE FROM {t};", None),
            ("UPDATE t SET a = '{{}}'", UPDATE),
        ],
    );
}

#[test]
fn a_hole_in_place_of_the_name_holds_no_where() {
    unfiltered(
        TextForm::Template,
        &[
            ("UPDATE {table} SET a = 1", UPDATE),
            ("UPDATE ONLY {schema}.{table} SET a = 1", UPDATE),
            ("UPDATE log_{year} SET a = '{{1}}'", UPDATE),
            ("DELETE FROM {table};", DELETE),
            ("DELETE FROM \"{table}\" USING u", DELETE),
            ("DELETE FROM {schema}.{table} RETURNING id", DELETE),
            ("UPDATE {table} SET a = 1 WHERE b", None),
        ],
    );
}

#[test]
fn nothing_is_known_of_what_begins_with_a_hole() {
    nothing(
        TextForm::Template,
        &[
            "{statement}",
            "{prefix} DELETE FROM t",
            "{verb} FROM t",
            "DELETE{x} FROM t",
            "VACUUM {what}",
            "AS ${tag}$ ; DELETE FROM t; COMMIT; ${tag}$",
        ],
    );
    assert_eq!(
        one("INSERT INTO {t}", TextForm::Template).writes,
        Some("INSERT")
    );
    assert_eq!(
        read("{begin}; DELETE FROM t", TextForm::Template)[1].unfiltered,
        DELETE
    );
}

#[test]
fn a_beginning_may_still_get_its_where() {
    unfiltered(
        TextForm::Beginning,
        &[
            ("UPDATE t SET a = 1", None),
            ("DELETE FROM t RETURNING a", None),
            ("WITH a AS (DELETE FROM t RETURNING *) SELECT 1", None),
        ],
    );
    assert_eq!(
        read("DELETE FROM t; SELECT 1", TextForm::Beginning)[0].unfiltered,
        DELETE
    );
    for (text, expected) in [
        ("UPDATE t SET ", UPDATE),
        ("DELETE FROM ", DELETE),
        ("INSERT INTO t (a, b) VALUES (", Some("INSERT")),
        ("INSERT INTO ", Some("INSERT")),
        ("DROP TABLE ", Some("DROP")),
        ("SELECT ", None),
        ("UPDATE ", None),
    ] {
        assert_eq!(one(text, TextForm::Beginning).writes, expected, "{text}");
    }
}

#[test]
fn what_cannot_be_read_with_certainty_is_not_unfiltered() {
    unfiltered(
        TextForm::Whole,
        &[
            ("DELETE FROM t /* open", None),
            ("UPDATE t SET a = 'open", None),
            ("UPDATE t SET a = $$open", None),
            ("UPDATE t SET a = (1", None),
            ("DELETE FROM t)", None),
            ("DELETE FROM t RETURNING [it's], [b's]", None),
            ("UPDATE t SET a = b['x]'] -- y", None),
            ("DELETE FROM t -- old mac\rWHERE a", None),
            ("UPDATE t SET a = 1 \0", None),
        ],
    );
    assert!(one("SELECT a['x]'] FROM t LIMIT 1", TextForm::Whole).limited);
    assert_eq!(
        one("UPDATE t SET [a(b] = 1", TextForm::Whole).unfiltered,
        UPDATE
    );
    nothing(TextForm::Whole, &["SELECT 1); COMMIT; DELETE FROM t"]);
}

/// A small random generator, so that a failure can be repeated from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn text(&mut self) -> String {
        const FRAGMENTS: &str = "( ) [ ] ' \" ` $ $$ $x$ $1 ? : :: :a @b { } {{ }} {a} {a:>3} ; , . \
            = * -- /* */ E' U&' U&\" X' \\ \0 \u{e9} \u{1f600} 12 1e5 t a.b AS NOT BEGIN ATOMIC END \
            CASE SELECT INSERT INTO UPDATE SET DELETE FROM WHERE USING RETURNING LIMIT WITH \
            RECURSIVE SEARCH CYCLE MATERIALIZED EXPLAIN ANALYZE COPY TO MERGE CREATE TRIGGER \
            FUNCTION DROP TABLE GRANT ON IS COMMENT VACUUM FOR KEY SHARE FETCH FIRST ROLLBACK \
            SAVEPOINT PREPARED ONLY OR IGNORE INDEXED BY VALUES DISTINCT TRUNCATE SESSION LOCAL \
            set_config pg_advisory_lock FALSE TEMP LISTEN PREPARE DISCARD ALL DECLARE CURSOR HOLD \
            PRAGMA cache_size journal_mode ATTACH DETACH";
        let fragments: Vec<_> = FRAGMENTS.split(' ').collect();
        let mut text = String::new();
        for _ in 0..self.below(40) {
            if self.below(8) == 0 {
                let bytes: Vec<u8> = (0..4).map(|_| self.below(256) as u8).collect();
                text.push_str(&String::from_utf8_lossy(&bytes));
            } else {
                text.push_str(fragments[self.below(fragments.len())]);
            }
            text.push_str(["", " ", " ", "\n", "\r"][self.below(5)]);
        }
        text
    }
}

#[test]
fn any_text_is_read_without_a_panic() {
    for seed in 1..=20_000_u64 {
        let text = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).text();
        for (form, dialect) in [
            (TextForm::Whole, Dialect::Unknown),
            (TextForm::Template, Dialect::Postgres),
            (TextForm::Beginning, Dialect::Sqlite),
        ] {
            let read = std::panic::catch_unwind(|| super::super::read(&text, form, dialect));
            assert!(read.is_ok(), "seed {seed}, {form:?}, {dialect:?}: {text:?}");
        }
    }
}

#[test]
fn long_texts_are_read_in_linear_time() {
    for part in [
        "(",
        "[",
        ")",
        "]",
        "[(",
        "'",
        "/*",
        "/* */",
        "/* /* */ ",
        "$a$ $b",
        "{",
        "{a}",
        "a ",
        ";",
        "WITH a AS (",
        "COPY (",
        "EXPLAIN ",
        "(WITH a AS (DELETE FROM t ",
        "UPDATE t SET a = (",
        "E'x'\n",
        "1.",
        "CREATE TRIGGER BEGIN ;",
        "WITH a AS (DELETE FROM t), ",
        "DELETE FROM t;",
        "SELECT set_config(a, b, ",
        "pg_advisory_lock(1) ",
        "CREATE TEMP TABLE t (",
    ] {
        let text = part.repeat(30_000);
        let started = std::time::Instant::now();
        for dialect in [Dialect::Unknown, Dialect::Postgres, Dialect::Sqlite] {
            super::super::read(&text, TextForm::Whole, dialect);
        }
        read(&text, TextForm::Template);
        // The limit is far above the time that reading takes, and far below what quadratic reading
        // would take.
        assert!(started.elapsed().as_secs() < 10, "{part}");
    }
}
