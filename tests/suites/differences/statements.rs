//! Which statements mean the same on both databases, and which do not.

use dbop::{AnyDb, Conn, ErrorKind, Tx, db_op, transactional};
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{query, query_scalar};

use super::asked::{Value, get, on, run};

/// Checks the answer of both databases.
async fn is<T: Value>(db: &AnyDb, sql: &'static str, answer: T) {
    assert_eq!(get(db, sql).await, Ok(answer), "{sql}");
}

/// Checks that PostgreSQL gives this answer, and SQLite an error.
async fn only_postgres<T: Value>(db: &AnyDb, sql: &'static str, answer: T, sqlite: ErrorKind) {
    assert_eq!(get(db, sql).await, on(db, Err(sqlite), Ok(answer)), "{sql}");
}

/// Checks that SQLite gives this answer, and PostgreSQL an error.
async fn only_sqlite<T: Value>(db: &AnyDb, sql: &'static str, answer: T, postgres: ErrorKind) {
    assert_eq!(
        get(db, sql).await,
        on(db, Ok(answer), Err(postgres)),
        "{sql}"
    );
}

#[dbop::test]
async fn counts_and_conditions_have_one_type(db: AnyDb) {
    is(&db, "SELECT COUNT(*) FROM (SELECT 1) AS one", 1i64).await;
    is(&db, "SELECT EXISTS (SELECT 1)", true).await;
    is(&db, "SELECT 1 = 1", true).await;
    is(&db, "SELECT 7 / 2", 3i32).await;
    is(&db, "SELECT 'a'", "a".to_owned()).await;
}

#[dbop::test]
async fn literals_and_sums_have_other_types_on_postgres(db: AnyDb) {
    let other = ErrorKind::Decode;
    only_sqlite(&db, "SELECT 1", 1i64, other).await;
    is(&db, "SELECT 1", 1i32).await;
    is(&db, "SELECT CAST(1 AS BIGINT)", 1i64).await;
    only_sqlite(&db, "SELECT 1.5", 1.5f64, other).await;
    is(&db, "SELECT CAST(1.5 AS DOUBLE PRECISION)", 1.5f64).await;
    let table = "CREATE TABLE sums (small INTEGER, big BIGINT); INSERT INTO sums VALUES (3, 3)";
    run(&db, table).await.expect("a table");
    is(&db, "SELECT SUM(small) FROM sums", 3i64).await;
    only_sqlite(&db, "SELECT SUM(big) FROM sums", 3i64, other).await;
    is(&db, "SELECT CAST(SUM(big) AS BIGINT) FROM sums", 3i64).await;
    only_sqlite(&db, "SELECT AVG(big) FROM sums", 3.0f64, other).await;
    is(
        &db,
        "SELECT CAST(AVG(big) AS DOUBLE PRECISION) FROM sums",
        3.0f64,
    )
    .await;
}

#[dbop::test]
async fn like_ignores_case_on_sqlite(db: AnyDb) {
    is(&db, "SELECT 'ABC' LIKE 'abc'", on(&db, true, false)).await;
    is(&db, "SELECT 'Ä' LIKE 'ä'", false).await;
    is(&db, "SELECT lower('ABC') LIKE 'abc'", true).await;
    only_postgres(&db, "SELECT 'ABC' ILIKE 'abc'", true, ErrorKind::Syntax).await;
}

#[dbop::test]
async fn the_current_time_has_seconds_on_sqlite_and_microseconds_on_postgres(db: AnyDb) {
    let sql = "SELECT CURRENT_TIMESTAMP";
    let mut fractions = Vec::new();
    for _ in 0..3 {
        let now: DateTime<Utc> = get(&db, sql).await.expect("a time");
        fractions.push(now.timestamp_subsec_nanos());
        assert_eq!(now.timestamp_subsec_nanos() % 1_000, 0);
    }
    // Three times in a row, a clock of microseconds does not show a whole second.
    assert_eq!(
        fractions == [0, 0, 0],
        on(&db, true, false),
        "{fractions:?}"
    );
    let missing = ErrorKind::UndefinedFunction;
    only_postgres(&db, "SELECT NOW() IS NULL", false, missing).await;
}

#[dbop::test]
async fn a_time_that_was_bound_compares_with_a_time_of_the_database_on_postgres_only(db: AnyDb) {
    #[db_op(on = [Sqlite, Postgres])]
    async fn is_past(conn: &mut Conn<'_, DB>, time: DateTime<Utc>) -> dbop::Result<bool> {
        let sql = query_scalar("SELECT $1 < CURRENT_TIMESTAMP").bind(time);
        Ok(sql.fetch_one(&mut *conn).await?)
    }
    let now: DateTime<Utc> = get(&db, "SELECT CURRENT_TIMESTAMP").await.expect("a time");
    let midnight = now
        .date_naive()
        .and_hms_opt(0, 0, 0)
        .expect("a time")
        .and_utc();
    // SQLite compares texts, `2026-11-30T00:00:00+00:00` and `2026-11-30 12:00:00`.
    let past = is_past(&db, midnight).await.expect("an answer");
    assert_eq!(past, on(&db, false, true));
}

#[dbop::test]
async fn times_that_were_bound_compare_on_both_databases(db: AnyDb) {
    #[db_op(on = [Sqlite, Postgres])]
    async fn is_before(
        conn: &mut Conn<'_, DB>,
        first: DateTime<Utc>,
        second: DateTime<Utc>,
    ) -> dbop::Result<bool> {
        let sql = query_scalar("SELECT $1 < $2").bind(first).bind(second);
        Ok(sql.fetch_one(&mut *conn).await?)
    }
    let nanoseconds = [0, 1_000, 1_001_000, 2_000_000, 2_001_000, 999_999_000];
    let times =
        nanoseconds.map(|more| DateTime::from_timestamp(1_700_000_000, more).expect("a time"));
    for pair in times.windows(2) {
        assert!(
            is_before(&db, pair[0], pair[1]).await.expect("an answer"),
            "{pair:?}"
        );
        assert!(
            !is_before(&db, pair[1], pair[0]).await.expect("an answer"),
            "{pair:?}"
        );
    }
}

#[dbop::test]
async fn only_postgres_locks_rows_and_takes_arrays(db: AnyDb) {
    run(
        &db,
        "CREATE TABLE rows (id BIGINT); INSERT INTO rows VALUES (1)",
    )
    .await
    .expect("a table");
    only_postgres(
        &db,
        "SELECT id FROM rows FOR UPDATE",
        1i64,
        ErrorKind::Syntax,
    )
    .await;
    let any = "SELECT id FROM rows WHERE id = ANY(ARRAY[CAST(1 AS BIGINT)])";
    only_postgres(&db, any, 1i64, ErrorKind::Syntax).await;
    is(&db, "SELECT id FROM rows WHERE id IN (1, 2)", 1i64).await;
}

#[dbop::test]
async fn both_take_numbered_placeholders_more_than_once(db: AnyDb) {
    #[db_op(on = [Sqlite, Postgres])]
    async fn twice(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
        let sum = query_scalar("SELECT $2 + $1 + $1").bind(7i64).bind(1i64);
        Ok(sum.fetch_one(&mut *conn).await?)
    }
    assert_eq!(twice(&db).await.expect("a sum"), 15);
}

#[dbop::test]
async fn a_name_in_double_quotes_may_be_a_text_on_sqlite(db: AnyDb) {
    let missing = ErrorKind::UndefinedColumn;
    only_sqlite(&db, "SELECT \"none\"", "none".to_owned(), missing).await;
}

#[dbop::test]
async fn a_division_by_zero_is_null_on_sqlite(db: AnyDb) {
    only_sqlite(
        &db,
        "SELECT 1 / 0",
        Option::<i32>::None,
        ErrorKind::DivisionByZero,
    )
    .await;
}

#[dbop::test]
async fn the_greater_of_two_values_has_two_names(db: AnyDb) {
    let missing = ErrorKind::UndefinedFunction;
    only_sqlite(&db, "SELECT max(1, 2)", 2i32, missing).await;
    only_postgres(&db, "SELECT greatest(1, 2)", 2i32, missing).await;
    is(&db, "SELECT CASE WHEN 1 > 2 THEN 1 ELSE 2 END", 2i32).await;
}

#[dbop::test]
async fn a_column_that_counts_by_itself_is_written_in_two_ways(db: AnyDb) {
    const BOTH: ErrorKind = ErrorKind::NotNull;
    let integer = "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT)";
    run(&db, integer).await.expect("a table");
    let added = run(&db, "INSERT INTO a (name) VALUES ('Ada')").await;
    assert_eq!(added, on(&db, Ok(()), Err(BOTH)));
    let bigint = "CREATE TABLE b (id BIGINT PRIMARY KEY, name TEXT)";
    run(&db, bigint).await.expect("a table");
    // On SQLite, this row has no number.
    let added = run(&db, "INSERT INTO b (name) VALUES ('Ada')").await;
    assert_eq!(added, on(&db, Ok(()), Err(BOTH)));
    let identity = "CREATE TABLE c (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY)";
    assert_eq!(
        run(&db, identity).await,
        on(&db, Err(ErrorKind::Syntax), Ok(()))
    );
}

#[dbop::test]
async fn both_understand_the_statements_of_everyday(db: AnyDb) {
    run(
        &db,
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)",
    )
    .await
    .expect("a table");
    let upsert = "INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = t.n + excluded.n RETURNING n";
    is(&db, upsert, 5i64).await;
    is(&db, upsert, 10i64).await;
    is(
        &db,
        "UPDATE t SET n = s.n FROM (SELECT CAST(7 AS BIGINT) AS n) AS s RETURNING t.n",
        7i64,
    )
    .await;
    is(&db, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT max(n) FROM c", 3i32).await;
    is(
        &db,
        "SELECT CAST(SUM(n) OVER (ORDER BY id) AS BIGINT) FROM t",
        7i64,
    )
    .await;
    is(&db, "SELECT COUNT(*) FILTER (WHERE n > 1) FROM t", 1i64).await;
    is(
        &db,
        "SELECT n FROM t WHERE n IS NOT DISTINCT FROM 7 ORDER BY n NULLS LAST LIMIT 1 OFFSET 0",
        7i64,
    )
    .await;
    is(&db, "SELECT coalesce(NULL, 'a') || 'b'", "ab".to_owned()).await;
    is(&db, "DELETE FROM t RETURNING id", 1i64).await;
}

#[dbop::test]
async fn an_error_has_the_same_kind_on_both_databases(db: AnyDb) {
    run(
        &db,
        "CREATE TABLE parents (id BIGINT PRIMARY KEY); INSERT INTO parents VALUES (1)",
    )
    .await
    .expect("a table");
    let children = "CREATE TABLE children (id BIGINT NOT NULL CHECK (id > 0), parent BIGINT REFERENCES parents)";
    run(&db, children).await.expect("a table");
    for (sql, kind) in [
        ("INSERT INTO parents VALUES (1)", ErrorKind::Unique),
        ("INSERT INTO children VALUES (0, 1)", ErrorKind::Check),
        ("INSERT INTO children VALUES (NULL, 1)", ErrorKind::NotNull),
        ("INSERT INTO children VALUES (1, 2)", ErrorKind::ForeignKey),
        ("SELECT * FROM nowhere", ErrorKind::UndefinedTable),
        ("SELECT missing FROM parents", ErrorKind::UndefinedColumn),
        ("SELEC 1", ErrorKind::Syntax),
    ] {
        assert_eq!(run(&db, sql).await, Err(kind), "{sql}");
    }
}

/// Inserts a name again, does not look at the error, and inserts another name.
#[transactional(on = [Sqlite, Postgres])]
async fn go_on(tx: &mut Tx<'_, DB>) -> dbop::Result<()> {
    let _refused = query("INSERT INTO names VALUES ('Ada')")
        .execute(&mut *tx)
        .await;
    query("INSERT INTO names VALUES ('Bob')")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[dbop::test]
async fn after_an_error_a_transaction_goes_on_on_sqlite_only(db: AnyDb) {
    let names = "CREATE TABLE names (name TEXT PRIMARY KEY); INSERT INTO names VALUES ('Ada')";
    run(&db, names).await.expect("a table");
    let gone_on = go_on(&db).await.map_err(|error| error.kind());
    assert_eq!(gone_on, on(&db, Ok(()), Err(ErrorKind::Unique)));
    is(&db, "SELECT COUNT(*) FROM names", on(&db, 2i64, 1)).await;
}

#[dbop::test]
async fn on_postgres_a_text_keeps_the_types_of_its_first_arguments(db: AnyDb) {
    #[db_op(on = [Sqlite, Postgres])]
    async fn two_types(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
        let (text, first, second) = ("SELECT CAST($1 AS BIGINT)", 1i16, 2i64);
        query(text).bind(first).execute(&mut *conn).await?;
        Ok(query_scalar(text)
            .bind(second)
            .fetch_one(&mut *conn)
            .await?)
    }
    let asked = two_types(&db).await.map_err(|error| error.kind());
    assert_eq!(asked, on(&db, Ok(2), Err(ErrorKind::Encode)));
}
