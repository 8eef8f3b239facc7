use super::*;

const POSTGRES: CommentSyntax = CommentSyntax { nest: true };
const SQLITE: CommentSyntax = CommentSyntax { nest: false };
const BOTH: [CommentSyntax; 2] = [POSTGRES, SQLITE];

#[track_caller]
fn in_both<R: PartialEq + std::fmt::Debug>(read: impl Fn(CommentSyntax) -> R) -> R {
    let [postgres, sqlite] = BOTH.map(read);
    assert_eq!(postgres, sqlite);
    sqlite
}

fn writes(sql: &str) -> bool {
    in_both(|comments| Facts::of(sql, comments).writes)
}

fn failure_proves_nothing_applied(sql: &str) -> bool {
    in_both(|comments| super::failure_proves_nothing_applied(sql, comments))
}

fn traces(sql: &str) -> Traces {
    in_both(|comments| Facts::of(sql, comments).traces)
}

fn ends_transaction(sql: &str) -> bool {
    in_both(|comments| Facts::of(sql, comments).ends_transaction)
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
        "WITH a(x) AS (SELECT '--') INSERT INTO t SELECT 1 FROM a",
        "WITH a(x) AS (SELECT '/*') DELETE FROM t",
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
        "WITH a(x) AS (SELECT '--') INSERT OR FAIL INTO t SELECT 1 FROM a",
        "",
    ] {
        assert!(!failure_proves_nothing_applied(sql), "{sql}");
    }
}

#[test]
fn any_text_can_be_read() {
    for sql in ["-", "/", "--", "/*", "é", "- / --\n", "*/", "'", ";;;"] {
        for comments in BOTH {
            let _ = Facts::of(sql, comments);
            let _ = super::failure_proves_nothing_applied(sql, comments);
        }
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
        for comments in BOTH {
            let first = Words::of(&sql, comments).next();
            let first = first.map_or(NONE, |word| keyword(word.text));
            assert_eq!(first_keyword(&sql, comments), first, "{sql:?}");
        }
    }
}

#[test]
fn nest_where_the_database_nests_them() {
    let sql = "/* /* */ SELECT */ COMMIT";
    assert!(Facts::of(sql, POSTGRES).ends_transaction);
    assert!(!Facts::of(sql, SQLITE).may_end_transaction);
    let sql = "/* /* */ COMMIT -- */";
    assert!(!Facts::of(sql, POSTGRES).ends_transaction);
    assert!(Facts::of(sql, SQLITE).ends_transaction);
    // In `/*/`, the star that begins the comment does not end it.
    for comments in BOTH {
        assert!(Facts::of("/*/ SELECT */ COMMIT", comments).ends_transaction);
    }
}

#[test]
fn a_text_that_ends_its_transaction_is_seen() {
    for sql in [
        "COMMIT",
        "commit and chain",
        "COMMIT; BEGIN",
        "ROLLBACK; BEGIN",
        "ROLLBACK AND CHAIN",
        "END",
        "ABORT",
        "UPDATE t SET a = 1; /* done; */ COMMIT; BEGIN",
        "SELECT '/*'; COMMIT; BEGIN",
        "SELECT 1; -- one; and\n END",
        "SELECT 'a -- b'; -- x; y\nCOMMIT",
        "SELECT '/*'; /* x; y */ COMMIT; BEGIN",
        "CREATE TABLE t (a TEXT DEFAULT '$$'); COMMIT; SELECT '$$'",
        "PREPARE TRANSACTION 'x'",
    ] {
        assert!(ends_transaction(sql), "{sql}");
    }
    for sql in [
        "ROLLBACK TO SAVEPOINT a",
        "ROLLBACK WORK TO a",
        "SAVEPOINT a",
        "UPDATE t SET a = CASE WHEN b THEN 1 END; DELETE FROM t WHERE a = 2",
        "SELECT 'commit'",
        "LOCK TABLE t",
    ] {
        assert!(!ends_transaction(sql), "{sql}");
    }
    for sql in [
        "DO $$ BEGIN PERFORM 1; END $$ -- all in one transaction",
        "CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END $f$; SELECT 1",
    ] {
        assert!(!Facts::of(sql, POSTGRES).ends_transaction, "{sql}");
    }
    for sql in [
        "DO $$ BEGIN PERFORM 1; END $$; COMMIT; SELECT '$$'",
        "SELECT '$$'; COMMIT; SELECT '$$'",
        "DO $a BEGIN; COMMIT",
    ] {
        assert!(Facts::of(sql, POSTGRES).ends_transaction, "{sql}");
    }
}

#[test]
fn what_stays_in_a_session_is_seen() {
    for sql in [
        "SET search_path = secret",
        "set session characteristics as transaction read only",
        "SELECT pg_advisory_lock(1)",
        "SELECT PG_TRY_ADVISORY_LOCK_SHARED(1)",
        "INSERT INTO t SELECT set_config('a.b', 'c', false)",
        "SELECT 1; SET ROLE nobody",
        "LISTEN news",
        "CREATE TEMP TABLE t (a INT)",
        "create local temporary view v as select 1",
        "SELECT * INTO TEMP t FROM u",
        "select * into  temporary t from u",
        "DO $$ BEGIN SET x = 1; END $$",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "CREATE /* ; */ TEMP TABLE x (a INT)",
        "CREATE TABLE pg_temp.t (a INT)",
        "CREATE FUNCTION pg_temp.f() RETURNS INT LANGUAGE sql AS $$ SELECT 1 $$",
        "SELECT * INTO LOCAL TEMP t FROM u",
        "SELECT * INTO/**/TEMP t FROM u",
        "SELECT 1 INTO pg_temp.t",
        "UPDATE pg_settings SET setting = 'x' WHERE name = 'search_path'",
        "EXPLAIN ANALYZE CREATE TABLE pg_temp.t AS SELECT 1",
        "SELECT '/*'; /* x; y */ SET search_path = secret",
    ] {
        assert_eq!(traces(sql), Traces::State, "{sql}");
    }
    for sql in [
        "PRAGMA foreign_keys = OFF",
        "PRAGMA foreign_keys(0)",
        "ATTACH 'other.db' AS other",
        "DEALLOCATE ALL",
        "PREPARE p AS SELECT 1",
        "DISCARD ALL",
        "PRAGMA /* a;b */ foreign_keys = OFF",
        "PRAGMA -- a;b\n foreign_keys = OFF",
        "EXPLAIN PRAGMA foreign_keys = OFF",
        "PRAGMA max_page_count = 9",
    ] {
        assert_eq!(traces(sql), Traces::Lasting, "{sql}");
    }
    for sql in [
        "SELECT temp, stemp FROM into_temps",
        "SET LOCAL search_path = secret",
        "SET TRANSACTION READ ONLY",
        "SELECT pg_advisory_xact_lock(1), pg_advisory_unlock(2)",
        "UPDATE t SET config_set = 1",
        "PRAGMA foreign_keys",
        "PRAGMA main.user_version = 3",
        "PRAGMA table_info(t)",
        "CREATE TABLE t (a INT)",
        "PREPARE TRANSACTION 'x'",
        "UPDATE t SET a = 1; DELETE FROM t WHERE a = 2",
        "SELECT name FROM pg_settings",
        "EXPLAIN SELECT 1",
    ] {
        assert_eq!(traces(sql), Traces::None, "{sql}");
    }
}
