//! Which columns keep a value on both databases. The names of types are those of PostgreSQL; SQLite
//! takes any name.

use dbop::{AnyDb, ErrorKind};
use sqlx::types::{Json, Text, Uuid, chrono, time};

use super::asked::{Value, get, kept, on, run};

#[derive(Clone, Copy, Debug, PartialEq, sqlx::Type)]
#[sqlx(transparent)]
struct Cents(i64);

#[derive(Clone, Copy, Debug, PartialEq, sqlx::Type)]
#[repr(i32)]
enum Level {
    High = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, sqlx::Type)]
#[sqlx(type_name = "TEXT")]
enum Mood {
    Happy,
}

/// An enum as `#[derive(sqlx::Type)]` makes it without a name.
#[derive(Clone, Copy, Debug, PartialEq, sqlx::Type)]
enum Unnamed {
    Happy,
}

/// Checks that a column of this type keeps the value on both databases.
async fn keeps<T: Value>(db: &AnyDb, column: &str, value: T) {
    let kept = kept(db, column, value.clone()).await;
    assert_eq!(kept, Ok(value), "in a column {column}");
}

/// Checks that a column of this type keeps the value on SQLite, and that PostgreSQL says this.
async fn keeps_on_sqlite<T: Value>(db: &AnyDb, column: &str, value: T, postgres: ErrorKind) {
    let kept = kept(db, column, value.clone()).await;
    let expected = on(db, Ok(value), Err(postgres));
    assert_eq!(kept, expected, "in a column {column}");
}

#[dbop::test]
async fn one_name_of_a_type_fits_on_both_databases(db: AnyDb) {
    keeps(&db, "SMALLINT", -7i16).await;
    keeps(&db, "INTEGER", -7i32).await;
    keeps(&db, "BIGINT", i64::MIN).await;
    keeps(&db, "REAL", 0.1f32).await;
    keeps(&db, "DOUBLE PRECISION", 0.1f64).await;
    keeps(&db, "BOOLEAN", true).await;
    keeps(&db, "TEXT", "Ä".to_owned()).await;
    keeps(&db, "VARCHAR(10)", "Ä".to_owned()).await;
    keeps(&db, "BYTEA", vec![0u8, 255]).await;
    keeps(&db, "UUID", Uuid::from_u128(7)).await;
    keeps(&db, "JSONB", Json(vec![1, 2])).await;
    keeps(&db, "TEXT", Text(std::net::Ipv4Addr::LOCALHOST)).await;
    keeps(&db, "BIGINT", Option::<i64>::None).await;
    keeps(&db, "BIGINT", Cents(5)).await;
    keeps(&db, "INTEGER", Level::High).await;
    keeps(&db, "TEXT", Mood::Happy).await;
}

#[dbop::test]
async fn one_name_of_a_type_of_times_fits_on_both_databases(db: AnyDb) {
    let utc = chrono::DateTime::from_timestamp(1_700_000_000, 123_456_000).expect("a time");
    keeps(&db, "TIMESTAMPTZ", utc).await;
    keeps(&db, "TIMESTAMP", utc.naive_utc()).await;
    keeps(&db, "DATE", utc.date_naive()).await;
    keeps(&db, "TIME", utc.time()).await;
    let utc = time::OffsetDateTime::from_unix_timestamp(1_700_000_000).expect("a time");
    keeps(&db, "TIMESTAMPTZ", utc).await;
    let (date, time) = (utc.date(), utc.time());
    keeps(&db, "TIMESTAMP", time::PrimitiveDateTime::new(date, time)).await;
    keeps(&db, "DATE", date).await;
    keeps(&db, "TIME", time).await;
}

#[dbop::test]
async fn postgres_keeps_microseconds_and_sqlite_nanoseconds(db: AnyDb) {
    let time =
        |nanoseconds| chrono::DateTime::from_timestamp(1_700_000_000, nanoseconds).expect("a time");
    let kept = kept(&db, "TIMESTAMPTZ", time(123_456_789)).await;
    assert_eq!(kept, Ok(time(on(&db, 123_456_789, 123_456_000))));
}

#[dbop::test]
async fn on_postgres_a_number_has_the_size_of_its_column(db: AnyDb) {
    let other = ErrorKind::Decode;
    keeps_on_sqlite(&db, "INTEGER", 7i64, other).await;
    keeps_on_sqlite(&db, "BIGINT", 7i32, other).await;
    keeps_on_sqlite(&db, "BIGINT", Level::High, other).await;
    keeps_on_sqlite(&db, "REAL", 0.1f64, other).await;
    keeps_on_sqlite(&db, "NUMERIC", 0.1f64, other).await;
    keeps_on_sqlite(&db, "SMALLINT", 7i8, ErrorKind::TypeMismatch).await;
}

#[dbop::test]
async fn on_postgres_a_value_has_the_type_of_its_column(db: AnyDb) {
    keeps_on_sqlite(&db, "INTEGER", true, ErrorKind::TypeMismatch).await;
    keeps_on_sqlite(&db, "TEXT", Uuid::from_u128(7), ErrorKind::Decode).await;
    keeps_on_sqlite(&db, "TEXT", Json(1), ErrorKind::Decode).await;
    let utc = chrono::DateTime::<chrono::Utc>::UNIX_EPOCH;
    keeps_on_sqlite(&db, "TIMESTAMP", utc, ErrorKind::Decode).await;
    keeps_on_sqlite(&db, "BLOB", vec![0u8], ErrorKind::UndefinedObject).await;
    keeps_on_sqlite(&db, "TEXT", Unnamed::Happy, ErrorKind::UndefinedObject).await;
}

#[dbop::test]
async fn sqlite_stores_a_text_that_is_too_long_or_no_number(db: AnyDb) {
    keeps_on_sqlite(&db, "VARCHAR(1)", "long".to_owned(), ErrorKind::TooLong).await;
    run(&db, "CREATE TABLE numbers (number BIGINT)")
        .await
        .expect("a table");
    let stored = run(&db, "INSERT INTO numbers VALUES ('none')").await;
    assert_eq!(stored, on(&db, Ok(()), Err(ErrorKind::InvalidText)));
}

#[dbop::test]
async fn a_null_is_read_as_zero_on_sqlite(db: AnyDb) {
    let sql = "SELECT CAST(NULL AS BIGINT)";
    assert_eq!(
        get::<i64>(&db, sql).await,
        on(&db, Ok(0), Err(ErrorKind::Decode))
    );
    assert_eq!(get::<Option<i64>>(&db, sql).await, Ok(None));
    let sql = "SELECT CAST(NULL AS TEXT)";
    let text = get::<String>(&db, sql).await;
    assert_eq!(text, on(&db, Ok(String::new()), Err(ErrorKind::Decode)));
}
