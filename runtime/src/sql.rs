//! What the text of a statement says about its effects. Only ever used to be more careful: a
//! statement that cannot be read is taken to write, and to prove nothing when it fails.

/// What is asked of the text of every statement, so it is read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Running it may change data.
    pub(crate) writes: bool,
    /// It is one statement of the kinds that can neither begin nor end a transaction.
    pub(crate) one_atomic: bool,
}

/// Decided by the first keyword; `WITH` and several statements in one text are taken to write
/// unless no word in them can.
pub(crate) fn see(sql: &str) -> Seen {
    let first = first_keyword(sql);
    let several = has_several(sql);
    let atomic = matches!(
        first,
        SELECT | VALUES | INSERT | UPDATE | DELETE | MERGE | REPLACE | WITH | TABLE
    );
    let writes = match first {
        // No word, or `SELECT .. INTO`, which creates a table, but returns no rows and cannot be
        // half-read.
        NONE | SELECT if !several => false,
        NONE | SELECT | VALUES | SHOW | TABLE | EXPLAIN | WITH => words(sql).any(changes),
        _ => true,
    };
    Seen {
        writes,
        one_atomic: atomic && !several,
    }
}

fn changes(word: &str) -> bool {
    matches!(
        keyword(word),
        INSERT | UPDATE | DELETE | MERGE | REPLACE | CREATE | DROP | ALTER | TRUNCATE | CALL | DO
    )
}

/// A semicolon that is not the last of the text.
fn has_several(sql: &str) -> bool {
    // Hardly any text has one.
    memchr::memchr(b';', sql.as_bytes()).is_some()
        && sql.trim_end().trim_end_matches(';').contains(';')
}

/// The first of the [`words`]. Most texts begin with one of those that have six letters, which are
/// read at once.
fn first_keyword(sql: &str) -> u64 {
    const CAPITALS: u64 = u64::from_be_bytes([0, 0, 0xdf, 0xdf, 0xdf, 0xdf, 0xdf, 0xdf]);
    if let Some(start) = sql.as_bytes().first_chunk()
        && let b' ' | b'\t'..=b'\r' = start[6]
    {
        let six = (u64::from_be_bytes(*start) >> 16) & CAPITALS;
        if let SELECT | INSERT | UPDATE | DELETE | VALUES = six {
            return six;
        }
    }
    words(sql).next().map_or(NONE, keyword)
}

/// Whether an error of this text, alone and outside a transaction, proves that none of it was
/// applied.
///
/// True of one statement that cannot commit on its own. `CALL` and `DO` may commit inside
/// (<https://www.postgresql.org/docs/current/plpgsql-transactions.html>), `OR FAIL` and
/// `RAISE(FAIL)` keep the rows changed before the error
/// (<https://www.sqlite.org/lang_conflict.html>), and of several statements sent as one text the
/// earlier may stand.
pub(crate) fn failure_proves_nothing_applied(sql: &str) -> bool {
    see(sql).one_atomic && !words(sql).any(|word| word.eq_ignore_ascii_case("FAIL"))
}

/// The letters of a word in capitals, as one number that is compared at once; [`OTHER`] for a word
/// that is longer than any of those below.
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

/// The words of the text in order, comments skipped. Words inside strings and quoted names count
/// too, which errs on the careful side.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| !is_word(c) && c != '-' && c != '/');
            if rest.starts_with("--") {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
            } else if rest.starts_with("/*") {
                rest = rest.split_once("*/").map_or("", |(_, after)| after);
            } else if rest.starts_with(['-', '/']) {
                rest = &rest[1..];
            } else {
                break;
            }
        }
        let is_ascii_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let ascii = rest.bytes().take_while(is_ascii_word).count();
        let more = rest[ascii..].find(|c| !is_word(c));
        let end = more.map_or(rest.len(), |more| ascii + more);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(sql: &str) -> bool {
        see(sql).writes
    }

    #[test]
    fn statements_that_change_data_are_seen_as_writes() {
        for sql in [
            "INSERT INTO t VALUES (1) RETURNING id",
            "  -- note\n update t set a = 1",
            "/* select */ DELETE FROM t",
            "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
            "SELECT 1; INSERT INTO t VALUES (1)",
            "EXPLAIN ANALYZE DELETE FROM t",
            "PRAGMA user_version = 3",
            "CALL pay()",
            "replace into t values (1)",
        ] {
            assert!(writes(sql), "{sql}");
        }
    }

    #[test]
    fn statements_that_only_read_are_not_writes() {
        for sql in [
            "SELECT cents FROM accounts WHERE id = ?",
            "(SELECT 1)",
            "select 'insert'",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES (1)",
            "",
            "-- nothing",
        ] {
            assert!(!writes(sql), "{sql}");
        }
    }

    #[test]
    fn only_a_lone_atomic_statement_proves_that_nothing_was_applied() {
        for sql in [
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1;",
            "SELECT f()",
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        ] {
            assert!(failure_proves_nothing_applied(sql), "{sql}");
        }
        for sql in [
            "CALL pay()",
            "DO $$ BEGIN COMMIT; END $$",
            "INSERT OR FAIL INTO t VALUES (1)",
            "update or fail t set a = 1",
            "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)",
            "COMMIT",
            "VACUUM",
            "",
        ] {
            assert!(!failure_proves_nothing_applied(sql), "{sql}");
        }
    }

    #[test]
    fn any_text_can_be_read() {
        for sql in ["-", "/", "--", "/*", "é", "- / --\n", "*/", "'", ";;;"] {
            let _ = (writes(sql), failure_proves_nothing_applied(sql));
        }
    }

    #[test]
    fn the_short_way_finds_the_word_that_the_long_one_does() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let parts = [
            "SELECT",
            "insert",
            "Update",
            "truncated",
            "DELETE",
            "values",
            "[elect",
            "x",
            "_",
            "9",
            "é",
            " ",
            "\n",
            "\u{a0}",
            ";",
            "--",
            "/*",
            "*/",
            "(",
            "'",
            ";;",
            "\t",
        ];
        for _ in 0..20_000 {
            let length = random.usize(..12);
            let parts: Vec<_> = std::iter::repeat_with(|| parts[random.usize(..parts.len())])
                .take(length)
                .collect();
            let sql = parts.concat();
            let first = words(&sql).next().map_or(NONE, keyword);
            assert_eq!(first_keyword(&sql), first, "{sql:?}");
        }
    }
}
