//! Finds the changes to the session.

use super::*;

#[track_caller]
fn changes(form: TextForm, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(one(text, form).session, Some(*expected), "{text}");
    }
}

#[track_caller]
fn leaves_alone(form: TextForm, texts: &[&str]) {
    for text in texts {
        assert!(
            read(text, form).iter().all(|it| it.session.is_none()),
            "{text}"
        );
    }
}

#[test]
fn a_setting_outlives_the_transaction_unless_it_is_local() {
    changes(
        TextForm::Whole,
        &[
            ("SET statement_timeout = '5s'", "SET"),
            ("set search_path to a, b", "SET"),
            ("SET SESSION lock_timeout = 100", "SET"),
            ("SET app.tenant = '7'", "SET"),
            ("SET \"app\".tenant TO '7'", "SET"),
            ("SET session.tenant = '7'", "SET"),
            ("SET local.tenant = '7'", "SET"),
            ("SET role.name = '7'", "SET"),
            ("SET ROLE auditor", "SET"),
            ("SET SESSION ROLE auditor", "SET"),
            ("SET role = 'auditor'", "SET"),
            ("SET SESSION AUTHORIZATION 'auditor'", "SET"),
            ("SET SESSION SESSION AUTHORIZATION auditor", "SET"),
            ("SET TIME ZONE 'UTC'", "SET"),
            ("SET TIME ZONE LOCAL", "SET"),
            ("SET NAMES 'UTF8'", "SET"),
            ("SET SCHEMA 'a'", "SET"),
            ("SET XML OPTION DOCUMENT", "SET"),
            ("SET track_functions = none", "SET"),
            ("SET transaction_timeout = '5s'", "SET"),
            ("/* x */ SET a = 1; -- y", "SET"),
            (
                "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                "SET SESSION CHARACTERISTICS",
            ),
        ],
    );
    leaves_alone(
        TextForm::Whole,
        &[
            "SET LOCAL statement_timeout = '5s'",
            "SET LOCAL ROLE auditor",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET TRANSACTION SNAPSHOT '1'",
            "SET CONSTRAINTS ALL DEFERRED",
            "SET transaction_isolation = 'serializable'",
            "SET transaction_read_only = on",
            "RESET ALL",
            "RESET ROLE",
            "SET statement_timeout TO DEFAULT",
            "SET ROLE NONE",
            "SET SESSION AUTHORIZATION DEFAULT",
            "SHOW statement_timeout",
            "UPDATE t SET a = 1 WHERE b",
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1",
            "ALTER ROLE auditor SET search_path = a",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = a AS 'SELECT 1'",
            "SELECT 'SET a = 1' -- SET b = 1",
            "SET = 1",
            "SET GLOBAL a = 1",
            "SET @a = 1",
        ],
    );
}

#[test]
fn a_setting_is_made_by_a_function_too() {
    let found = "set_config(.., false)";
    changes(
        TextForm::Whole,
        &[
            ("SELECT set_config('app.tenant', $1, false)", found),
            (
                "select pg_catalog.set_config('a', b(1, 2), FALSE) as x",
                found,
            ),
            ("SELECT set_config('a', 'b', is_local => false)", found),
            ("SELECT set_config('a', 'b', is_local := false)", found),
            (
                "SELECT 1 FROM (SELECT set_config('a', 'b', false)) x",
                found,
            ),
            (
                "WITH a AS (SELECT set_config('a', 'b', false)) SELECT * FROM a",
                found,
            ),
            (
                "SELECT set_config('a', 'b', true), set_config('c', 'd', false)",
                found,
            ),
        ],
    );
    leaves_alone(
        TextForm::Whole,
        &[
            "SELECT set_config('app.tenant', $1, true)",
            "SELECT set_config('app.tenant', $1, $2)",
            "SELECT set_config('a', 'b', a = false OR true)",
            "SELECT set_config(a, false)",
            "SELECT set_config('a', false, true)",
            "SELECT audit.set_config('a', 'b', false)",
            "SELECT set_config FROM t WHERE false",
            "SELECT 'set_config(1, 2, false)'",
            "EXPLAIN SELECT set_config('a', 'b', false)",
            "COMMENT ON FUNCTION set_config(a, b, false) IS 'x'",
        ],
    );
}

#[test]
fn a_lock_of_the_session_outlives_the_transaction() {
    changes(
        TextForm::Whole,
        &[
            ("SELECT pg_advisory_lock(1)", "pg_advisory_lock"),
            (
                "SELECT pg_catalog.pg_advisory_lock_shared($1)",
                "pg_advisory_lock_shared",
            ),
            (
                "SELECT CASE WHEN pg_try_advisory_lock(1, 2) THEN 1 END",
                "pg_try_advisory_lock",
            ),
            (
                "SELECT PG_TRY_ADVISORY_LOCK_SHARED(1) AS locked",
                "pg_try_advisory_lock_shared",
            ),
            (
                "SELECT id FROM jobs WHERE pg_try_advisory_lock(id) LIMIT 1",
                "pg_try_advisory_lock",
            ),
            (
                "UPDATE t SET a = 1 WHERE pg_try_advisory_lock(b)",
                "pg_try_advisory_lock",
            ),
            (
                "EXPLAIN ANALYZE SELECT pg_advisory_lock(1)",
                "pg_advisory_lock",
            ),
            ("VALUES (pg_advisory_lock(1))", "pg_advisory_lock"),
        ],
    );
    leaves_alone(
        TextForm::Whole,
        &[
            "SELECT pg_advisory_xact_lock(1)",
            "SELECT pg_try_advisory_xact_lock_shared(1)",
            "SELECT pg_advisory_unlock(1), pg_advisory_unlock_all()",
            "SELECT 'pg_advisory_lock(1)' /* pg_advisory_lock(1) */",
            "SELECT pg_advisory_lock FROM t",
            "SELECT mine.pg_advisory_lock(1)",
            "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO auditor",
            "DROP FUNCTION pg_advisory_lock(bigint)",
            "EXPLAIN SELECT pg_advisory_lock(1)",
            "DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$",
        ],
    );
}

#[test]
fn a_temporary_object_outlives_the_transaction_unless_that_drops_it() {
    changes(
        TextForm::Whole,
        &[
            ("CREATE TEMP TABLE t (a int)", "CREATE TEMP TABLE"),
            (
                "create temporary table if not exists t as select 1",
                "CREATE TEMP TABLE",
            ),
            (
                "CREATE LOCAL TEMP TABLE t (a int) ON COMMIT DELETE ROWS",
                "CREATE TEMP TABLE",
            ),
            (
                "CREATE TEMP TABLE t ON COMMIT PRESERVE ROWS AS SELECT 1",
                "CREATE TEMP TABLE",
            ),
            (
                "CREATE TEMP TABLE t (a int DEFAULT 'ON COMMIT DROP')",
                "CREATE TEMP TABLE",
            ),
            (
                "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
                "CREATE TEMP VIEW",
            ),
            (
                "CREATE TEMP RECURSIVE VIEW v (a) AS SELECT 1",
                "CREATE TEMP VIEW",
            ),
            ("CREATE TEMPORARY SEQUENCE s", "CREATE TEMP SEQUENCE"),
            (
                "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
                "CREATE TEMP TRIGGER",
            ),
            ("SELECT a INTO TEMP t FROM s", "SELECT INTO TEMP"),
            (
                "SELECT a INTO LOCAL TEMPORARY TABLE t FROM s",
                "SELECT INTO TEMP",
            ),
            (
                "WITH a AS (SELECT 1) SELECT * INTO TEMP t FROM a",
                "SELECT INTO TEMP",
            ),
        ],
    );
    leaves_alone(
        TextForm::Whole,
        &[
            "CREATE TEMP TABLE t (a int) ON COMMIT DROP",
            "CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1",
            "CREATE TABLE temp (a int)",
            "CREATE TABLE t (temp int)",
            "CREATE UNLOGGED TABLE t (a int)",
            "CREATE VIEW v AS SELECT 1",
            "CREATE TEMP",
            "CREATE TEMP TABLE",
            "DROP TABLE t",
            "SELECT a INTO temp FROM s",
            "SELECT a INTO t FROM s",
            "EXPLAIN CREATE TEMP TABLE t AS SELECT 1",
        ],
    );
}

#[test]
fn other_commands_of_postgres_change_the_session() {
    changes(
        TextForm::Whole,
        &[
            ("LISTEN jobs", "LISTEN"),
            ("LISTEN \"my jobs\";", "LISTEN"),
            ("PREPARE p AS SELECT 1", "PREPARE"),
            (
                "PREPARE p (int, text) AS DELETE FROM t WHERE a = $1",
                "PREPARE",
            ),
            ("DEALLOCATE p", "DEALLOCATE"),
            ("DEALLOCATE PREPARE ALL", "DEALLOCATE"),
            ("DISCARD ALL", "DISCARD"),
            ("discard temp", "DISCARD"),
            (
                "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
                "DECLARE .. WITH HOLD",
            ),
            (
                "DECLARE c BINARY NO SCROLL CURSOR WITH HOLD FOR SELECT 1",
                "DECLARE .. WITH HOLD",
            ),
        ],
    );
    leaves_alone(
        TextForm::Whole,
        &[
            "UNLISTEN jobs",
            "NOTIFY jobs",
            "SELECT pg_notify('jobs', 'LISTEN jobs')",
            "PREPARE TRANSACTION 'x'",
            "EXECUTE p(1)",
            "DECLARE c CURSOR FOR SELECT 1",
            "DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1",
            "CLOSE c",
            "SELECT listen, discard FROM prepare",
        ],
    );
}

#[test]
fn a_pragma_with_a_value_may_be_of_the_connection() {
    changes(
        TextForm::Whole,
        &[
            ("PRAGMA foreign_keys = OFF", "PRAGMA"),
            ("pragma main.cache_size=-2000", "PRAGMA"),
            ("PRAGMA busy_timeout(100)", "PRAGMA"),
            ("PRAGMA synchronous = 'NORMAL';", "PRAGMA"),
            ("PRAGMA journal_mode = DELETE", "PRAGMA"),
            ("PRAGMA query_only = 1", "PRAGMA"),
            ("PRAGMA case_sensitive_like(true)", "PRAGMA"),
        ],
    );
    leaves_alone(
        TextForm::Whole,
        &[
            "PRAGMA foreign_keys",
            "PRAGMA main.busy_timeout",
            "PRAGMA table_info(t)",
            "PRAGMA main.index_list('t')",
            "PRAGMA table_xinfo = t",
            "PRAGMA index_xinfo(i)",
            "PRAGMA foreign_key_list(t)",
            "PRAGMA foreign_key_check(t)",
            "PRAGMA integrity_check(10)",
            "PRAGMA quick_check = 10",
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "PRAGMA user_version = 3",
            "PRAGMA application_id = 7",
            "PRAGMA schema_version = 7",
            "PRAGMA optimize(0x10002)",
            "PRAGMA incremental_vacuum(10)",
            "PRAGMA auto_vacuum = FULL",
            "PRAGMA page_size = 8192",
            "PRAGMA encoding = 'UTF-8'",
            "PRAGMA defer_foreign_keys = ON",
            "PRAGMA shrink_memory",
            "PRAGMA journal_mode = WAL",
            "PRAGMA journal_mode('wal')",
            "SELECT * FROM pragma_table_info('t')",
        ],
    );
}

#[test]
fn a_database_that_is_attached_stays() {
    changes(
        TextForm::Whole,
        &[
            ("ATTACH 'other.db' AS other", "ATTACH"),
            ("attach database ? as other", "ATTACH"),
            ("ATTACH ?1 AS other KEY 'x'", "ATTACH"),
            ("ATTACH :file AS \"other\"", "ATTACH"),
            ("DETACH other", "DETACH"),
            ("DETACH DATABASE other;", "DETACH"),
        ],
    );
    leaves_alone(
        TextForm::Whole,
        &[
            "ALTER TABLE t DETACH PARTITION p",
            "ALTER TABLE t ATTACH PARTITION p DEFAULT",
            "SELECT attach FROM detach",
        ],
    );
}

#[test]
fn a_hole_may_hold_what_makes_it_local() {
    changes(
        TextForm::Template,
        &[
            ("SET statement_timeout = {ms}", "SET"),
            ("SET app.{key} = '{value}'", "SET"),
            ("SET SESSION {name} = 1", "SET"),
            ("SET ROLE {role}", "SET"),
            ("LISTEN {channel}", "LISTEN"),
            ("SELECT pg_advisory_lock({key})", "pg_advisory_lock"),
            (
                "SELECT set_config('{name}', '{value}', false)",
                "set_config(.., false)",
            ),
            ("CREATE TEMP TABLE {name} (a int)", "CREATE TEMP TABLE"),
            (
                "CREATE TEMP TABLE t_{n} AS SELECT {columns}",
                "CREATE TEMP TABLE",
            ),
            ("PRAGMA busy_timeout = {ms}", "PRAGMA"),
            ("ATTACH '{path}' AS {name}", "ATTACH"),
        ],
    );
    leaves_alone(
        TextForm::Template,
        &[
            "SET {setting} = 1",
            "SET {scope} statement_timeout = 1",
            "{set} statement_timeout = 1",
            "SET LOCAL {setting} = 1",
            "SELECT pg_advisory_{kind}lock(1)",
            "SELECT {lock}(1)",
            "SELECT set_config('a', 'b', {local})",
            "CREATE TEMP TABLE {definition}",
            "CREATE TEMP TABLE t (a int) {options}",
            "CREATE {temp} TABLE t (a int)",
            "PRAGMA {name} = 1",
            "PRAGMA journal_mode = {mode}",
        ],
    );
    changes(
        TextForm::Beginning,
        &[
            ("SET statement_timeout = ", "SET"),
            ("LISTEN ", "LISTEN"),
            ("PRAGMA busy_timeout = ", "PRAGMA"),
            ("SELECT pg_advisory_lock(", "pg_advisory_lock"),
            (
                "SELECT pg_try_advisory_lock(1), a FROM t WHERE ",
                "pg_try_advisory_lock",
            ),
        ],
    );
    leaves_alone(
        TextForm::Beginning,
        &[
            "SET ",
            "SET statement_timeout",
            "CREATE TEMP TABLE t (a int)",
            "SELECT set_config('a', 'b', false",
            "PRAGMA busy_timeout",
            "PRAGMA journal_mode = ",
        ],
    );
}

#[test]
fn each_statement_of_a_text_is_told_from_the_others() {
    let text = "SET LOCAL a = 1; SET b = 2; UPDATE t SET a = 1 WHERE b; LISTEN x";
    let found: Vec<_> = read(text, TextForm::Whole)
        .iter()
        .map(|it| it.session)
        .collect();
    assert_eq!(found, [None, Some("SET"), None, Some("LISTEN")]);
}
