//! What the text of a statement says about its effects. Only ever used to be more careful: a
//! statement that cannot be read is taken to write, and to prove nothing when it fails.

/// Whether running this text may change data.
///
/// Decided by the first keyword; `WITH` and several statements in one text are taken to write
/// unless no word in them can.
pub(crate) fn writes(sql: &str) -> bool {
    let Some(first) = words(sql).next() else {
        return false;
    };
    let reads = ["SELECT", "VALUES", "SHOW", "TABLE", "EXPLAIN", "WITH"];
    if !is_any(first, &reads) {
        return true;
    }
    if first.eq_ignore_ascii_case("SELECT") && !sql.contains(';') {
        // `SELECT .. INTO` creates a table, but returns no rows and cannot be half-read.
        return false;
    }
    let changes = [
        "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "CREATE", "DROP", "ALTER", "TRUNCATE",
        "CALL", "DO",
    ];
    words(sql).any(|word| is_any(word, &changes))
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
    is_one_atomic_statement(sql) && !words(sql).any(|word| word.eq_ignore_ascii_case("FAIL"))
}

/// Whether this is one statement of the kinds that can neither begin nor end a transaction.
pub(crate) fn is_one_atomic_statement(sql: &str) -> bool {
    let atomic = [
        "SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "TABLE",
    ];
    let known = words(sql)
        .next()
        .is_some_and(|first| is_any(first, &atomic));
    known && !sql.trim_end().trim_end_matches(';').contains(';')
}

fn is_any(word: &str, list: &[&str]) -> bool {
    list.iter().any(|each| word.eq_ignore_ascii_case(each))
}

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
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
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
}
