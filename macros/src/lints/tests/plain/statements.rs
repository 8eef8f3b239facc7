//! What the statements of plain functions say.

use super::{
    diesel_operation, diesel_read_only, diesel_transaction, plain, postgres_operation,
    postgres_read_only, postgres_transaction, rusqlite_operation, rusqlite_read_only,
    rusqlite_transaction,
};
use crate::lints::tests::{all, found, none};

/// Expects `lint` for each statement, with every driver, inside and outside of a transaction.
fn in_every_function(lint: &str, statements: &[&str]) {
    for find in [
        rusqlite_transaction,
        rusqlite_operation,
        diesel_transaction,
        diesel_operation,
        postgres_transaction,
        postgres_operation,
    ] {
        all(find, lint, statements);
    }
}

#[test]
fn writes_in_read_only_operations_are_found() {
    all(
        rusqlite_read_only,
        "write_in_read_only",
        &[
            "conn.execute(\"UPDATE t SET a = 1 WHERE b\", [])?; Ok(())",
            "conn.execute(\"INSERT INTO t VALUES (?1)\", params![1])?; Ok(())",
            "conn.execute(\"INSERT INTO t VALUES (?1, ?2)\", (1, 2))?; Ok(())",
            "conn.execute_batch(\"SELECT 1; CREATE TABLE t (a)\")?; Ok(())",
            "let id = conn.query_row(\"INSERT INTO t VALUES (1) RETURNING id\", [], f)?; Ok(())",
            "let mut s = conn.prepare(\"DELETE FROM t WHERE a = ?1\")?; s.execute([1])?; Ok(())",
            "conn.prepare_cached(\"DELETE FROM t WHERE a = ?1\")?.execute([1])?; Ok(())",
            "let sql = \"DELETE FROM t WHERE a\"; conn.execute(sql, [])?; Ok(())",
            "const SQL: &str = \"DROP TABLE t\"; conn.execute_batch(SQL)?; Ok(())",
            "conn.execute(&format!(\"DELETE FROM {table} WHERE a = 1\"), [])?; Ok(())",
            "Connection::execute(conn, \"DELETE FROM t WHERE a\", [])?; Ok(())",
            "let mut sp = conn.savepoint()?; sp.execute(\"DELETE FROM t WHERE a\", [])?; Ok(())",
        ],
    );
    all(
        postgres_read_only,
        "write_in_read_only",
        &[
            "conn.execute(\"UPDATE t SET a = $1 WHERE b\", &[&1])?; Ok(())",
            "conn.query_one(\"INSERT INTO t VALUES (1) RETURNING id\", &[])?; Ok(())",
            "conn.query(\"SELECT * FROM t FOR UPDATE\", &[])?; Ok(())",
            "conn.simple_query(\"TRUNCATE t\")?; Ok(())",
            "let s = conn.prepare(\"DELETE FROM t WHERE a\")?; conn.execute(&s, &[])?; Ok(())",
            "conn.copy_in(\"COPY t FROM STDIN\")?; Ok(())",
        ],
    );
    all(
        diesel_read_only,
        "write_in_read_only",
        &[
            "diesel::insert_into(users).values(new).execute(conn)?; Ok(())",
            "insert_into(users::table).values(new).execute(conn)?; Ok(())",
            "let insert = diesel::insert_into(users).values(new); insert.execute(conn)?; Ok(())",
            "diesel::update(users.find(1)).set(a.eq(1)).execute(conn)?; Ok(())",
            "diesel::delete(users.filter(a.eq(1))).execute(conn)?; Ok(())",
            "diesel::dsl::delete(users.find(1)).execute(conn)?; Ok(())",
            "delete(users.find(1)).execute(conn)?; Ok(())",
            "replace_into(users).values(new).execute(conn)?; Ok(())",
            "diesel::sql_query(\"DELETE FROM t WHERE a\").execute(conn)?; Ok(())",
            "sql_query(\"DELETE FROM t WHERE a = ?\").bind::<Integer, _>(1).execute(conn)?; Ok(())",
            "conn.batch_execute(\"DROP TABLE t\")?; Ok(())",
        ],
    );
    assert_eq!(
        found(
            "#[db_op(read_only)] fn f(pool: &Pool) -> R { let conn = pool.get()?; conn.execute(\"DELETE FROM t WHERE a\", [])?; Ok(()) }"
        ),
        ["write_in_read_only"]
    );
}

#[test]
fn what_only_reads_is_let_through() {
    none(
        rusqlite_read_only,
        &[
            "conn.query_row(\"SELECT 'DELETE FROM t'\", [], f)?; Ok(())",
            "conn.query_row(\"SELECT 1 WHERE a = ?1\", [\"DELETE FROM t\"], f)?; Ok(())",
            "cache.execute(\"DELETE FROM t\", [])?; Ok(())",
            "log(\"DELETE FROM t\"); history.insert(\"DELETE FROM t\"); Ok(())",
            "delete(1).execute(conn)?; Ok(())",
            "map.insert(\"DELETE FROM t\", 1); Ok(())",
            "let conn = cache; conn.execute(\"DELETE FROM t\", [])?; Ok(())",
        ],
    );
    none(
        diesel_read_only,
        &[
            "users.filter(a.eq(1)).load::<User>(conn)?; Ok(())",
            "update(&mut list); delete(1); list.insert(1); Ok(())",
            "diesel::insert_into(log).values(new).execute(&mut other)?; Ok(())",
            "delete(1).execute(&mut other)?; Ok(())",
            "diesel::sql_query(\"DELETE FROM t WHERE a\").execute(&mut other)?; Ok(())",
            "diesel::select(exists(users)).get_result::<bool>(conn)?; Ok(())",
        ],
    );
}

#[test]
fn writes_without_where_are_found() {
    all(
        rusqlite_operation,
        "unfiltered_write",
        &[
            "conn.execute(\"DELETE FROM t\", [])?; Ok(())",
            "conn.execute(\"UPDATE t SET a = ?1\", params![1])?; Ok(())",
            "conn.execute_batch(\"SELECT 1; DELETE FROM t; SELECT 2\")?; Ok(())",
            "conn.prepare(\"DELETE FROM t\")?.execute([])?; Ok(())",
            "conn.query_row(\"UPDATE t SET a = 1 RETURNING a\", (), f)?; Ok(())",
        ],
    );
    all(
        postgres_operation,
        "unfiltered_write",
        &[
            "conn.execute(\"DELETE FROM t\", &[])?; Ok(())",
            "conn.batch_execute(\"UPDATE t SET a = 1\")?; Ok(())",
        ],
    );
    all(
        diesel_operation,
        "unfiltered_write",
        &[
            "diesel::delete(users::table).execute(conn)?; Ok(())",
            "diesel::delete(users).execute(conn)?; Ok(())",
            "diesel::delete(schema::users::dsl::users).execute(&mut *conn)?; Ok(())",
            "use crate::schema::users; diesel::delete(users).execute(conn)?; Ok(())",
            "diesel::update(users::table).set(a.eq(1)).execute(conn)?; Ok(())",
            "diesel::update(users).set(a.eq(1)).returning(id).get_results::<i64>(conn)?; Ok(())",
            "delete(users::table).execute(conn)?; Ok(())",
            "diesel::sql_query(\"DELETE FROM t\").execute(conn)?; Ok(())",
        ],
    );
    none(
        diesel_operation,
        &[
            "diesel::delete(users::table).filter(a.eq(1)).execute(conn)?; Ok(())",
            "diesel::delete(users.filter(a.eq(1))).execute(conn)?; Ok(())",
            "diesel::delete(users.find(1)).execute(conn)?; Ok(())",
            "diesel::update(&user).set(a.eq(1)).execute(conn)?; Ok(())",
            "diesel::update(users).set(a.eq(1)).filter(b.eq(2)).execute(conn)?; Ok(())",
            "diesel::update(users).filter(b.eq(2)).set(a.eq(1)).execute(conn)?; Ok(())",
            "diesel::delete(users).of_tenant(1).execute(conn)?; Ok(())",
            "let old = users.filter(a.eq(1)); diesel::delete(old).execute(conn)?; Ok(())",
            "diesel::delete(of_tenant(1)).execute(conn)?; Ok(())",
            "let query = diesel::delete(users); query.filter(a.eq(1)).execute(conn)?; Ok(())",
            "diesel::insert_into(users).values(new).execute(conn)?; Ok(())",
            "delete(queue::jobs).execute(&mut runner)?; Ok(())",
        ],
    );
    none(
        rusqlite_operation,
        &[
            "conn.execute(\"DELETE FROM t WHERE a\", [])?; Ok(())",
            "delete(users::table).execute(conn)?; Ok(())",
            "conn.execute(&format!(\"DELETE FROM t {filter}\"), [])?; Ok(())",
        ],
    );
}

#[test]
fn only_a_server_costs_a_round_trip() {
    let loops = [
        "for x in items { conn.execute(\"SELECT 1\", &[x])?; } Ok(())",
        "for x in items { let row = conn.query_one(\"SELECT 1\", &[x])?; } Ok(())",
        "let s = conn.prepare(\"SELECT 1\")?; for x in items { conn.execute(&s, &[x])?; } Ok(())",
        "for x in items { conn.query(\"SELECT 1\", &[x])?.is_empty(); } Ok(())",
        "while work() { conn.query_opt(\"SELECT 1\", &[])?; } Ok(())",
    ];
    all(postgres_operation, "query_in_loop", &loops);
    all(postgres_transaction, "query_in_loop", &loops);
    none(rusqlite_operation, &loops);
    none(diesel_operation, &loops);
    none(
        diesel_operation,
        &["for x in items { diesel::delete(users.find(x)).execute(conn)?; } Ok(())"],
    );
    none(
        postgres_operation,
        &[
            "conn.execute(\"SELECT 1\", &[])?; Ok(())",
            "for x in items { audit_sync(conn, x)?; } Ok(())",
            "for chunk in items.chunks(500) { conn.execute(\"SELECT 1\", &[&chunk])?; } Ok(())",
            "for row in conn.query(\"SELECT 1\", &[])? { row.get(0); } Ok(())",
            "for row in conn.query(\"SELECT 1\", &[])? { other.execute(row)?; } Ok(())",
            "for attempt in 0..3 { conn.execute(\"SELECT 1\", &[])?; } Ok(())",
            "for sql in migrations { conn.batch_execute(sql)?; } Ok(())",
            "let mut out = conn.copy_in(\"COPY t FROM STDIN\")?; for x in items { out.write_all(x)?; } Ok(())",
            "loop { let n = conn.execute(\"DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 9)\", &[])?; if n == 0 { break } } Ok(())",
            "for x in items { client.execute(x)?; } Ok(())",
            "for x in items { query(\"SELECT 1\").execute(&mut other)?; } Ok(())",
        ],
    );
}

#[test]
fn retries_that_have_no_effect_are_found() {
    let operation =
        |connection: &str, body: &str| plain("db_op(retry(attempts = 8))", connection, body);
    for (connection, body) in [
        (
            "Connection",
            "conn.execute(\"UPDATE t SET a = 1 WHERE b\", [])?; Ok(())",
        ),
        (
            "Connection",
            "conn.prepare(\"INSERT INTO t VALUES (1)\")?.execute([])?; Ok(())",
        ),
        (
            "Client",
            "conn.batch_execute(\"INSERT INTO t VALUES (1)\")?; Ok(())",
        ),
        (
            "SqliteConnection",
            "diesel::insert_into(users).values(new).execute(conn)?; Ok(())",
        ),
    ] {
        let found = operation(connection, body);
        assert_eq!(found, ["retry_without_idempotence"], "{body}");
    }
    for (connection, body) in [
        ("Connection", "conn.query_row(\"SELECT 1\", [], f)?; Ok(())"),
        ("SqliteConnection", "users.load::<User>(conn)?; Ok(())"),
        (
            "SqliteConnection",
            "diesel::insert_into(log).values(x).execute(&mut other)?; Ok(())",
        ),
    ] {
        assert_eq!(operation(connection, body), [] as [&str; 0], "{body}");
    }
    let idempotent = "conn.execute(\"UPDATE t SET a = 1 WHERE b\", [])?; Ok(())";
    let found = plain(
        "db_op(retry(attempts = 8), idempotent)",
        "Connection",
        idempotent,
    );
    assert_eq!(found, [] as [&str; 0]);
}

#[test]
fn transactions_by_hand_are_found() {
    let everywhere = [
        "conn.execute(\"BEGIN\", [])?; Ok(())",
        "conn.execute_batch(\"BEGIN; DELETE FROM t WHERE a; COMMIT\")?; Ok(())",
        "conn.batch_execute(\"ROLLBACK\")?; Ok(())",
        "let tx = conn.transaction()?; tx.execute(\"SELECT 1\", [])?; tx.commit()?; Ok(())",
        "let tx = conn.unchecked_transaction()?; tx.rollback()?; Ok(())",
        "let tx = conn.transaction_with_behavior(Immediate)?; tx.commit()?; Ok(())",
        "let tx = conn.build_transaction().read_only(true).start()?; tx.commit()?; Ok(())",
        "let tx = Transaction::new(conn, Immediate)?; tx.commit()?; Ok(())",
        "let tx = rusqlite::Transaction::new_unchecked(&*conn, Immediate)?; Ok(())",
        "conn.immediate_transaction(|conn| add_sync(conn))?; Ok(())",
        "conn.exclusive_transaction(|conn| add_sync(conn))?; Ok(())",
        "conn.test_transaction(|conn| add_sync(conn)); Ok(())",
        "AnsiTransactionManager::begin_transaction(&mut *conn)?; Ok(())",
        "diesel::sql_query(\"COMMIT\").execute(conn)?; Ok(())",
        "conn.commit()?; Ok(())",
    ];
    in_every_function("manual_transaction", &everywhere);
    let by_closure = "conn.transaction(|conn| add_sync(conn))?; Ok(())";
    all(
        diesel_operation,
        "manual_transaction",
        &[by_closure, "conn.transaction(add)?; Ok(())"],
    );
    all(
        rusqlite_transaction,
        "manual_transaction",
        &["conn.execute_batch(\"SAVEPOINT a\")?; Ok(())"],
    );
    all(
        postgres_operation,
        "manual_transaction",
        &["conn.batch_execute(\"SAVEPOINT a\")?; Ok(())"],
    );
    none(diesel_transaction, &[by_closure]);
}

#[test]
fn savepoints_are_let_through() {
    none(
        rusqlite_transaction,
        &[
            "let mut sp = conn.savepoint()?; sp.execute(\"SELECT 1\", [])?; sp.commit()?; Ok(())",
            "let mut sp = conn.savepoint_with_name(\"a\")?; sp.rollback()?; sp.commit()?; Ok(())",
            "let sp = conn.savepoint()?; let inner = sp.savepoint()?; inner.finish()?; Ok(())",
            "let sp = Savepoint::new(conn)?; sp.commit()?; Ok(())",
            "writer.commit()?; consumer.rollback()?; let x = repo.transaction()?; Ok(())",
            "log(\"COMMIT\"); other.execute_batch(\"BEGIN\")?; Ok(())",
            "conn.query_row(\"SELECT 'COMMIT'\", [], f)?; Ok(())",
        ],
    );
    none(
        rusqlite_operation,
        &["let sp = conn.savepoint()?; sp.commit()?; Ok(())"],
    );
    none(
        postgres_transaction,
        &[
            "conn.batch_execute(\"SAVEPOINT a\")?; if add_sync(conn).is_err() { conn.batch_execute(\"ROLLBACK TO a\")?; } conn.batch_execute(\"RELEASE a\")?; Ok(())",
        ],
    );
    assert_eq!(
        found(
            "#[db_op] fn f(pool: &Pool) -> R { let mut conn = pool.get()?; let tx = conn.transaction()?; tx.commit()?; Ok(()) }"
        ),
        [] as [&str; 0]
    );
}

#[test]
fn changes_of_the_session_are_found() {
    let everywhere = [
        "conn.execute(\"PRAGMA foreign_keys = OFF\", [])?; Ok(())",
        "conn.execute_batch(\"SELECT 1; CREATE TEMP TABLE t (a)\")?; Ok(())",
        "conn.batch_execute(\"SET statement_timeout = 5\")?; Ok(())",
        "conn.query_row(\"SELECT pg_advisory_lock(1)\", [], f)?; Ok(())",
        "let mut s = conn.prepare(\"ATTACH ?1 AS other\")?; s.execute([path])?; Ok(())",
    ];
    in_every_function("session_state", &everywhere);
    all(
        rusqlite_operation,
        "session_state",
        &[
            "conn.pragma_update(None, \"foreign_keys\", false)?; Ok(())",
            "conn.pragma_update(Some(MAIN), \"cache_size\", kib)?; Ok(())",
            "conn.pragma_update_and_check(None, \"journal_mode\", \"MEMORY\", f)?; Ok(())",
        ],
    );
    all(
        diesel_transaction,
        "session_state",
        &["diesel::sql_query(\"PRAGMA cache_size = 9\").execute(conn)?; Ok(())"],
    );
    all(
        postgres_transaction,
        "session_state",
        &["conn.simple_query(\"LISTEN jobs\")?; Ok(())"],
    );
}

#[test]
fn what_the_session_does_not_keep_is_no_change_of_it() {
    none(
        rusqlite_operation,
        &[
            "conn.pragma_update(None, \"user_version\", 3)?; Ok(())",
            "conn.pragma_update_and_check(None, \"journal_mode\", \"WAL\", f)?; Ok(())",
            "conn.pragma_update(None, name, 3)?; Ok(())",
            "conn.pragma_query_value(None, \"foreign_keys\", f)?; Ok(())",
            "conn.query_row(\"PRAGMA foreign_keys\", [], f)?; Ok(())",
            "other.pragma_update(None, \"foreign_keys\", false)?; Ok(())",
            "other.execute_batch(\"PRAGMA foreign_keys = OFF\")?; Ok(())",
        ],
    );
    none(
        postgres_transaction,
        &[
            "conn.batch_execute(\"SET LOCAL statement_timeout = 5\")?; Ok(())",
            "conn.query_one(\"SELECT pg_advisory_xact_lock(1)\", &[])?; Ok(())",
        ],
    );
}
