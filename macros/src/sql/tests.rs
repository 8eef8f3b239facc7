//! Reads texts that are completely known. [`certainty`] has the tests of other texts, and
//! [`session`] those of changes to the session.

mod certainty;
mod session;

use super::*;

/// Reads a text whose dialect is unknown.
fn read(text: &str, form: TextForm) -> Vec<Statement> {
    super::read(text, form, Dialect::Unknown)
}

/// Reads a text with one statement.
#[track_caller]
fn one(text: &str, form: TextForm) -> Statement {
    let mut found = read(text, form);
    assert_eq!(found.len(), 1, "{text}");
    found.remove(0)
}

#[track_caller]
fn writes(cases: &[(&str, Option<&'static str>)]) {
    for (text, expected) in cases {
        assert_eq!(one(text, TextForm::Whole).writes, *expected, "{text}");
    }
}

#[track_caller]
fn unfiltered(form: TextForm, cases: &[(&str, Option<&'static str>)]) {
    for (text, expected) in cases {
        assert_eq!(one(text, form).unfiltered, *expected, "{text}");
    }
}

/// Checks that nothing but a limit is found in the texts.
#[track_caller]
fn nothing(form: TextForm, texts: &[&str]) {
    for text in texts {
        for found in read(text, form) {
            let limited = found.limited;
            let none = Statement {
                limited,
                ..Statement::default()
            };
            assert_eq!(found, none, "{text}");
        }
    }
}

const UPDATE: Option<&str> = Some("UPDATE");
const DELETE: Option<&str> = Some("DELETE");

#[test]
fn what_changes_something_is_a_write() {
    writes(&[
        ("insert into t values (1)", Some("INSERT")),
        ("INSERT OR IGNORE INTO t (a) VALUES (?)", Some("INSERT")),
        ("INSERT INTO t AS x DEFAULT VALUES", Some("INSERT")),
        ("INSERT INTO t SELECT * FROM s", Some("INSERT")),
        ("INSERT INTO [order items] VALUES (1)", Some("INSERT")),
        ("REPLACE INTO t VALUES (1)", Some("REPLACE")),
        ("update \"t\" set a = 1 where b", UPDATE),
        ("UPDATE OR IGNORE main.t AS x SET (a, b) = (1, 2)", UPDATE),
        ("UPDATE ONLY t * x SET a[1].b = 2", UPDATE),
        ("UPDATE t INDEXED BY i SET a = 1", UPDATE),
        ("UPDATE größe SET a = 1", UPDATE),
        ("DELETE FROM t x USING u WHERE x.id = u.id", DELETE),
        ("DELETE FROM t NOT INDEXED WHERE a", DELETE),
        (
            "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
            Some("MERGE"),
        ),
        ("TRUNCATE TABLE a, b CASCADE", Some("TRUNCATE")),
        ("CREATE TEMP TABLE t (a int)", Some("CREATE")),
        ("ALTER TABLE t ADD a int", Some("ALTER")),
        ("DROP INDEX IF EXISTS i", Some("DROP")),
        ("COPY t (a, b) FROM STDIN", Some("COPY")),
        ("GRANT SELECT ON t TO u", Some("GRANT")),
        ("REVOKE ALL ON t FROM u", Some("REVOKE")),
        ("COMMENT ON TABLE t IS 'x'", Some("COMMENT")),
        ("REINDEX", Some("REINDEX")),
        ("REINDEX (VERBOSE) TABLE CONCURRENTLY t", Some("REINDEX")),
        ("VACUUM FULL t (a), u", Some("VACUUM")),
        ("CLUSTER t USING i", Some("CLUSTER")),
        ("REFRESH MATERIALIZED VIEW v", Some("REFRESH")),
        ("SELECT a, b INTO t FROM s", Some("SELECT INTO")),
        (
            "SELECT a IS DISTINCT FROM b INTO TEMP t FROM s",
            Some("SELECT INTO"),
        ),
    ]);
}

#[test]
fn what_only_reads_is_no_write() {
    nothing(
        TextForm::Whole,
        &[
            "SELECT * FROM t",
            "(SELECT 1) UNION (SELECT 2)",
            "VALUES (1)",
            "PRAGMA foreign_keys",
            "SET TRANSACTION READ ONLY",
            "SHOW x",
            "CALL f()",
            "DO $$ BEGIN DELETE FROM t; END $$",
            "COPY t TO STDOUT",
            "EXECUTE p",
            "DECLARE c CURSOR FOR SELECT * FROM t FOR UPDATE",
            "VACUUM INTO 'copy.db'",
            "SELECT replace(a, 'x', 'y') FROM t",
            "replace(a, 'x', 'y')",
            "SELECT 'INSERT INTO t VALUES (1)'",
            "SELECT a FROM t WHERE b IN (SELECT 1) UNION SELECT c FROM u",
        ],
    );
}

#[test]
fn words_used_as_names_are_no_keywords() {
    nothing(
        TextForm::Whole,
        &[
            "SELECT update FROM t",
            "SELECT begin, \"commit\" FROM spans",
            "SELECT t.into, x AS into FROM t",
            "SELECT \"into\", [into t], `into` FROM t",
            "SELECT * FROM \"delete\" WHERE [update] = 1",
            "SELECT substring(name from 1 for share) FROM t",
            "\"BEGIN\"",
            "SELECT :for, @update, $delete",
        ],
    );
    let found = one(
        "INSERT INTO t (delete, update) VALUES (1, 2)",
        TextForm::Whole,
    );
    assert_eq!((found.writes, found.unfiltered), (Some("INSERT"), None));
}

#[test]
fn prose_is_nothing() {
    nothing(
        TextForm::Whole,
        &[
            "update failed: no such account",
            "update failed set aside",
            "delete",
            "delete it",
            "delete from",
            "delete from the account failed",
            "insert coin",
            "insert into",
            "insert into the account failed",
            "replace the filter",
            "merge into main failed",
            "create",
            "create an account",
            "drop table",
            "grant me a wish",
            "comment on this",
            "truncate the table now",
            "begin at the beginning",
            "commit to it",
            "end of file",
            "rollback to the future now",
            "savepoint",
            "release the kraken",
            "copy that",
            "with love",
            "explain yourself",
            "vacuum cleaner is broken",
            "set sail",
            "set the table, please",
            "set local",
            "listen to me",
            "prepare for the worst",
            "prepare dinner as",
            "deallocate the rest of it",
            "discard everything",
            "declare victory with love",
            "pragma",
            "pragma synchronous",
            "pragma is no = sign",
            "attach the file as x",
            "attach x",
            "detach the cable",
            "",
            " ; -- x\n;",
        ],
    );
}

#[test]
fn an_update_or_delete_without_where_is_unfiltered() {
    unfiltered(
        TextForm::Whole,
        &[
            ("UPDATE t SET a = 1", UPDATE),
            ("DELETE FROM t", DELETE),
            ("DELETE FROM t;", DELETE),
            ("DELETE FROM ONLY (t) AS x", DELETE),
            ("DELETE FROM t USING u RETURNING *", DELETE),
            ("UPDATE t SET a = u.a FROM u", UPDATE),
            ("UPDATE t SET a = 1 WHERE true", None),
            ("DELETE FROM t WHERE CURRENT OF c", None),
            ("UPDATE t SET a = 1where b = 2", None),
            ("UPDATE t SET a = $1WHERE b = $2", None),
            ("UPDATE t SET a = b::int WHERE c", None),
            ("DELETE FROM t ORDER BY a LIMIT 10", None),
            (
                "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
                None,
            ),
            (
                "MERGE INTO t USING s ON true WHEN MATCHED THEN UPDATE SET a = 1",
                None,
            ),
            (
                "CREATE TABLE t (a int REFERENCES u ON DELETE CASCADE ON UPDATE CASCADE)",
                None,
            ),
            (
                "CREATE TRIGGER x BEFORE UPDATE OF a ON t EXECUTE FUNCTION f()",
                None,
            ),
        ],
    );
}

#[test]
fn a_where_of_a_subquery_does_not_filter_the_outer_statement() {
    unfiltered(
        TextForm::Whole,
        &[
            (
                "UPDATE t SET a = (SELECT b FROM u WHERE u.id = t.id)",
                UPDATE,
            ),
            ("DELETE FROM t USING (SELECT 1 WHERE true) x", DELETE),
            ("UPDATE t SET a = x[(SELECT 1 WHERE true)]", UPDATE),
            ("DELETE FROM t WHERE id IN (SELECT id FROM u)", None),
            ("WITH a AS (SELECT 1 WHERE true) DELETE FROM t", DELETE),
            (
                "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a WHERE b",
                DELETE,
            ),
            ("WITH a AS (DELETE FROM t WHERE b) SELECT * FROM a", None),
        ],
    );
}

#[test]
fn a_where_in_a_string_or_a_comment_is_none() {
    unfiltered(
        TextForm::Whole,
        &[
            ("UPDATE t SET a = ' WHERE '", UPDATE),
            ("UPDATE t SET a = 'it''s WHERE '", UPDATE),
            ("UPDATE t SET a = '\\' WHERE b = 'x'", None),
            ("UPDATE t SET a = e'\\' WHERE '", UPDATE),
            ("UPDATE t SET a = E'x'\n'\\' WHERE '", UPDATE),
            ("UPDATE t SET a = U&'\\' WHERE b = N'x'", None),
            ("UPDATE t SET a = $$ WHERE $$", UPDATE),
            ("UPDATE t SET a = $x$ $$ WHERE $y$ $x$", UPDATE),
            ("UPDATE t SET a = $1 WHERE b = $2", None),
            ("UPDATE t SET \"where\" = 1", UPDATE),
            ("UPDATE t SET [where] = 1", UPDATE),
            ("UPDATE t SET `a``where` = @where", UPDATE),
            ("DELETE FROM t -- WHERE", DELETE),
            ("DELETE FROM t -- it's\r\nWHERE a", None),
            ("DELETE FROM t /* WHERE */", DELETE),
            ("DELETE FROM t /* /* */ WHERE */", DELETE),
            ("DELETE FROM t /* /* */ WHERE a = 1 /* x */", None),
        ],
    );
}

#[test]
fn comments_nest_on_postgres_and_not_on_sqlite() {
    let controls = |text: &str, dialect| {
        let found = super::read(text, TextForm::Whole, dialect);
        found.iter().find_map(|statement| statement.control)
    };
    const COMMIT: Option<&str> = Some("COMMIT");
    for (text, postgres, sqlite, unknown) in [
        ("/* x */ COMMIT", COMMIT, COMMIT, COMMIT),
        ("/* /* */ */ COMMIT", COMMIT, None, COMMIT),
        ("/* /* */ SELECT */ COMMIT", COMMIT, None, COMMIT),
        ("/* /* */ COMMIT; -- */", None, COMMIT, None),
        ("/* /* */ COMMIT; /* x */ */", None, COMMIT, None),
        (
            "/* note /* COMMIT; */ COMMIT; */ SELECT 1",
            None,
            COMMIT,
            None,
        ),
        // A comment that never ends is a mistake on PostgreSQL.
        ("/* /* */ COMMIT", None, COMMIT, COMMIT),
        ("SELECT '/*'; COMMIT; -- */", COMMIT, COMMIT, COMMIT),
        ("-- /*\nCOMMIT -- */", COMMIT, COMMIT, COMMIT),
        ("/* -- */ COMMIT", COMMIT, COMMIT, COMMIT),
    ] {
        assert_eq!(controls(text, Dialect::Postgres), postgres, "{text}");
        assert_eq!(controls(text, Dialect::Sqlite), sqlite, "{text}");
        assert_eq!(controls(text, Dialect::Unknown), unknown, "{text}");
    }
    let unfiltered = |dialect| {
        let text = "DELETE FROM t /* /* */ WHERE a /* */ */";
        super::read(text, TextForm::Whole, dialect)[0].unfiltered
    };
    assert_eq!(unfiltered(Dialect::Postgres), DELETE);
    assert_eq!(unfiltered(Dialect::Sqlite), None);
}

#[test]
fn a_with_counts_for_its_statement() {
    let recursive = "WITH RECURSIVE a(x) AS NOT MATERIALIZED (SELECT 1 UNION SELECT x FROM a) \
        SEARCH DEPTH FIRST BY x, y SET o CYCLE x SET c TO true DEFAULT false USING p, \
        b AS (DELETE FROM t RETURNING *) SELECT * FROM b";
    writes(&[
        (recursive, DELETE),
        (
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
            Some("INSERT"),
        ),
        (
            "WITH a AS (SELECT 1), b AS (UPDATE t SET a = 1 WHERE b) VALUES (1)",
            UPDATE,
        ),
        ("WITH a AS (DELETE FROM t) UPDATE u SET a = 1", UPDATE),
        ("(WITH a AS (DELETE FROM t) SELECT 1)", DELETE),
        (
            "WITH a AS (WITH b AS (DELETE FROM t) SELECT 1) SELECT 2",
            DELETE,
        ),
        ("WITH a AS (SELECT 1) SELECT 2", None),
        ("WITH a AS (SELECT 1) SELECT 2 INTO t", Some("SELECT INTO")),
        ("COPY (DELETE FROM t RETURNING *) TO STDOUT", DELETE),
    ]);
}

#[test]
fn explaining_counts_only_when_it_runs_the_statement() {
    writes(&[
        ("EXPLAIN DELETE FROM t", None),
        ("EXPLAIN QUERY PLAN DELETE FROM t", None),
        ("EXPLAIN VERBOSE DELETE FROM t", None),
        ("EXPLAIN (ANALYZE false) DELETE FROM t", None),
        ("EXPLAIN (ANALYZE, ANALYZE off) DELETE FROM t", None),
        ("EXPLAIN (COSTS) DELETE FROM t", None),
        ("EXPLAIN ANALYZE DELETE FROM t", DELETE),
        ("EXPLAIN ANALYZE VERBOSE DELETE FROM t", DELETE),
        ("explain (costs, analyze) DELETE FROM t", DELETE),
        ("EXPLAIN (ANALYZE true, COSTS off) DELETE FROM t", DELETE),
    ]);
    nothing(
        TextForm::Whole,
        &["EXPLAIN SELECT 1 FOR UPDATE", "EXPLAIN BEGIN"],
    );
    nothing(
        TextForm::Template,
        &[
            "EXPLAIN ({options}) DELETE FROM t",
            "EXPLAIN (ANALYZE, {options}) DELETE FROM t",
        ],
    );
}

#[test]
fn rows_are_locked_at_any_depth() {
    for (text, expected) in [
        ("SELECT * FROM t FOR UPDATE", Some("FOR UPDATE")),
        (
            "SELECT * FROM t for no key update of t",
            Some("FOR NO KEY UPDATE"),
        ),
        ("SELECT * FROM t FOR SHARE NOWAIT", Some("FOR SHARE")),
        ("SELECT * FROM t FOR KEY SHARE", Some("FOR KEY SHARE")),
        (
            "SELECT * FROM (SELECT * FROM t FOR UPDATE) x",
            Some("FOR UPDATE"),
        ),
        ("(SELECT * FROM t) FOR SHARE", Some("FOR SHARE")),
        (
            "WITH a AS (SELECT 1 FROM t FOR UPDATE) SELECT 2",
            Some("FOR UPDATE"),
        ),
        (
            "EXPLAIN ANALYZE SELECT 1 FROM t FOR UPDATE",
            Some("FOR UPDATE"),
        ),
        ("SELECT [a(b] FROM t FOR UPDATE", Some("FOR UPDATE")),
        ("SELECT substring(a for share), (b) FROM t", None),
        ("CREATE POLICY p ON t FOR UPDATE USING (true)", None),
        ("SELECT 'FOR UPDATE' FROM t -- FOR UPDATE", None),
        ("SELECT x AS for FROM update", None),
    ] {
        assert_eq!(one(text, TextForm::Whole).locks, expected, "{text}");
    }
}

#[test]
fn what_divides_a_transaction_is_control() {
    for (text, expected) in [
        ("BEGIN", "BEGIN"),
        ("begin immediate transaction;", "BEGIN"),
        (
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, NOT DEFERRABLE",
            "BEGIN",
        ),
        ("START TRANSACTION READ WRITE", "START TRANSACTION"),
        ("COMMIT AND NO CHAIN", "COMMIT"),
        ("COMMIT PREPARED 'x'", "COMMIT"),
        ("END", "END"),
        ("END TRANSACTION", "END"),
        ("ROLLBACK", "ROLLBACK"),
        ("ROLLBACK WORK", "ROLLBACK"),
        ("ROLLBACK PREPARED 'x'", "ROLLBACK"),
        ("ABORT", "ABORT"),
        ("SAVEPOINT a", "SAVEPOINT"),
        ("RELEASE a", "RELEASE"),
        ("RELEASE SAVEPOINT \"a b\"", "RELEASE"),
        ("ROLLBACK TO a", "ROLLBACK TO"),
        ("ROLLBACK TRANSACTION TO SAVEPOINT a", "ROLLBACK TO"),
        ("PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION"),
        ("/* x */ COMMIT -- x", "COMMIT"),
        ("/* x /* x */ COMMIT", "COMMIT"),
    ] {
        let expected = Statement {
            control: Some(expected),
            ..Statement::default()
        };
        assert_eq!(one(text, TextForm::Whole), expected, "{text}");
    }
    assert_eq!(
        one("SAVEPOINT s_{n}", TextForm::Template).control,
        Some("SAVEPOINT")
    );
    assert_eq!(
        one("SAVEPOINT ", TextForm::Beginning).control,
        Some("SAVEPOINT")
    );
    nothing(
        TextForm::Whole,
        &["END PREPARED 'x'", "SELECT CASE 1 WHEN 1 THEN 2 END"],
    );
}

#[test]
fn limits_are_found_in_subqueries_too() {
    for (text, expected) in [
        ("SELECT * FROM t LIMIT 1", true),
        ("SELECT * FROM (SELECT * FROM t limit 1) x", true),
        ("SELECT * FROM t FETCH FIRST ROW ONLY", true),
        ("SELECT * FROM t fetch next 2 rows only", true),
        (
            "SELECT \"limit\", t.limit, a AS limit, 'LIMIT 1' FROM t",
            false,
        ),
        ("SELECT fetch FROM t", false),
    ] {
        assert_eq!(one(text, TextForm::Whole).limited, expected, "{text}");
    }
}

#[test]
fn every_statement_of_a_text_is_read() {
    let text =
        "BEGIN; UPDATE t SET a = ';';; DELETE FROM t WHERE a; (SELECT 1 LIMIT 1); COMMIT; --";
    let found = read(text, TextForm::Whole);
    let pick =
        |of: fn(&Statement) -> Option<&'static str>| found.iter().map(of).collect::<Vec<_>>();
    let none = None;
    assert_eq!(pick(|it| it.writes), [none, UPDATE, DELETE, none, none]);
    assert_eq!(pick(|it| it.unfiltered), [none, UPDATE, none, none, none]);
    assert_eq!(
        pick(|it| it.control),
        [Some("BEGIN"), none, none, none, Some("COMMIT")]
    );
    let limited: Vec<_> = found.iter().map(|it| it.limited).collect();
    assert_eq!(limited, [false, false, false, true, false]);
}

#[test]
fn the_body_of_a_trigger_or_a_function_belongs_to_it() {
    for create in [
        "CREATE TEMP TRIGGER x AFTER DELETE ON t WHEN old.a BEGIN \
            UPDATE t SET a = CASE b WHEN 1 THEN 2 END; DELETE FROM u; END",
        "EXPLAIN CREATE TRIGGER x AFTER DELETE ON t BEGIN DELETE FROM u; END",
        "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC \
            DELETE FROM u; SELECT CASE WHEN true THEN 1 END; END",
        "CREATE FUNCTION f() RETURNS int AS $body$ BEGIN DELETE FROM u; END $body$ LANGUAGE plpgsql",
    ] {
        let found = read(&format!("{create}; DELETE FROM t"), TextForm::Whole);
        assert_eq!(found.len(), 2, "{create}");
        assert_eq!(
            (found[0].unfiltered, found[0].control),
            (None, None),
            "{create}"
        );
        assert_eq!(found[1].unfiltered, DELETE, "{create}");
    }
}
