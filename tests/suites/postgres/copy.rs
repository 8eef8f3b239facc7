//! `COPY`: rows in the format that the server stores them in.

use dbop::{BulkInsert, ErrorKind, Tx, transactional};
use dbop_tests::Fresh;
use sqlx::types::Uuid;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{Executor, Postgres};

use super::common::notes::{insert, open, stored};

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
struct Row {
    big: i64,
    small: i16,
    name: String,
    padded: Option<String>,
    score: Option<f64>,
    at: DateTime<Utc>,
    id: Uuid,
    data: serde_json::Value,
    list: Vec<i32>,
}

async fn open_rows() -> Fresh<Postgres> {
    let fresh = open().await;
    let schema = "CREATE TABLE rows (
        big BIGINT PRIMARY KEY, small SMALLINT NOT NULL, name VARCHAR(99) NOT NULL, padded CHAR(5),
        score DOUBLE PRECISION, at TIMESTAMPTZ NOT NULL, id UUID NOT NULL, data JSONB NOT NULL,
        list INTEGER[] NOT NULL
    )";
    fresh.pool().execute(schema).await.expect("the schema");
    fresh
}

fn rows(count: i64) -> Vec<Row> {
    let row = |n: i64| Row {
        big: n,
        small: (n % 100) as i16,
        name: format!("it's row {n}\t\\N \"世界\""),
        padded: (n % 2 == 0).then(|| "five!".to_owned()),
        score: (n % 3 != 0).then_some(n as f64 / 3.0),
        at: DateTime::from_timestamp(n, 0).unwrap(),
        id: Uuid::from_u128(n as u128),
        data: serde_json::json!({ "n": n }),
        list: vec![n as i32; (n % 4) as usize],
    };
    (1..=count).map(row).collect()
}

#[transactional]
async fn copy_rows(tx: &mut Tx<'_, Postgres>, rows: &[Row]) -> dbop::Result<u64> {
    BulkInsert::into("rows")
        .column("big", rows.iter().map(|row| row.big))
        .column("small", rows.iter().map(|row| row.small))
        .column("name", rows.iter().map(|row| &row.name))
        .column("padded", rows.iter().map(|row| row.padded.as_deref()))
        .column("score", rows.iter().map(|row| row.score))
        .column("at", rows.iter().map(|row| row.at))
        .column("id", rows.iter().map(|row| row.id))
        .column("data", rows.iter().map(|row| &row.data))
        .column("list", rows.iter().map(|row| Text(&row.list)))
        .copy(&mut *tx)
        .await
}

/// A list, of which there are no arrays of arrays.
struct Text<'a>(&'a Vec<i32>);

impl sqlx::Type<Postgres> for Text<'_> {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        <Vec<i32> as sqlx::Type<Postgres>>::type_info()
    }
}

impl sqlx::Encode<'_, Postgres> for Text<'_> {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        sqlx::Encode::<Postgres>::encode_by_ref(self.0, buffer)
    }
}

impl sqlx::postgres::PgHasArrayType for Text<'_> {
    fn array_type_info() -> sqlx::postgres::PgTypeInfo {
        <Vec<i32> as sqlx::Type<Postgres>>::type_info()
    }
}

#[tokio::test]
async fn copy_stores_each_value_in_its_row_and_column() {
    let fresh = open_rows().await;
    for count in [0, 1, 5_000] {
        let given = rows(count);
        fresh.pool().execute("DELETE FROM rows").await.unwrap();
        assert_eq!(copy_rows(&*fresh, &given).await.unwrap(), count as u64);
        let read = sqlx::query_as("SELECT * FROM rows ORDER BY big");
        let read: Vec<Row> = read.fetch_all(fresh.pool()).await.expect("the rows");
        assert_eq!(read, given);
    }
}

/// A value that cannot be encoded if it is 2.
struct Odd(i64);

impl sqlx::Type<Postgres> for Odd {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        <i64 as sqlx::Type<Postgres>>::type_info()
    }
}

impl sqlx::Encode<'_, Postgres> for Odd {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        match self.0 {
            2 => Err("two is even".into()),
            n => sqlx::Encode::<Postgres>::encode_by_ref(&n, buffer),
        }
    }
}

impl sqlx::postgres::PgHasArrayType for Odd {
    fn array_type_info() -> sqlx::postgres::PgTypeInfo {
        <Vec<i64> as sqlx::Type<Postgres>>::type_info()
    }
}

#[derive(Clone, Copy)]
enum Fails {
    OtherType,
    OnConflict,
    NotEncoded,
    NoTable,
    Twice,
}

/// Notes a number, then fails to copy, and says whether the transaction is still good.
#[transactional]
async fn copy_badly(tx: &mut Tx<'_, Postgres>, how: Fails) -> dbop::Result<u64> {
    insert(&mut *tx, 99).await?;
    match how {
        Fails::OtherType => {
            let rows = BulkInsert::into("notes").column("id", [1_i32]);
            rows.copy(&mut *tx).await
        }
        Fails::OnConflict => {
            let rows = BulkInsert::into("notes").column("id", [1_i64]);
            rows.on_conflict("DO NOTHING").copy(&mut *tx).await
        }
        Fails::NotEncoded => {
            let rows = BulkInsert::into("notes").column("id", [Odd(1), Odd(2)]);
            rows.copy(&mut *tx).await
        }
        Fails::NoTable => {
            let rows = BulkInsert::into("nothing").column("id", [1_i64]);
            rows.copy(&mut *tx).await
        }
        Fails::Twice => {
            let rows = BulkInsert::into("notes").column("id", [1_i64, 1]);
            rows.copy(&mut *tx).await
        }
    }
}

#[tokio::test]
async fn a_copy_that_cannot_be_made_says_why_and_leaves_nothing() {
    let fresh = open().await;
    for (how, kind, words) in [
        (
            Fails::OtherType,
            ErrorKind::InvalidArgument,
            "`id` of `notes` is of the type bigint, its values of the type integer",
        ),
        (
            Fails::OnConflict,
            ErrorKind::InvalidArgument,
            "`on_conflict`",
        ),
        (Fails::NotEncoded, ErrorKind::Encode, "`id` of `notes`"),
        (Fails::NoTable, ErrorKind::UndefinedTable, "nothing"),
        (Fails::Twice, ErrorKind::Unique, "notes_pkey"),
    ] {
        let error = copy_badly(&*fresh, how).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(stored(&fresh).await.is_empty());
    }
}

#[transactional]
async fn copy_many(tx: &mut Tx<'_, Postgres>, most: i64) -> dbop::Result<u64> {
    let rows = BulkInsert::into("notes").column("id", 1..=most);
    rows.copy(&mut *tx).await
}

#[tokio::test]
async fn a_copy_that_is_dropped_leaves_nothing_and_a_clean_connection() {
    let fresh = super::common::notes::open_narrow().await;
    let mut dropped = 0;
    for polls in 1..=40 {
        let most = 50_000;
        if dbop_tests::poll_at_most(polls, copy_many(&*fresh, most))
            .await
            .is_none()
        {
            dropped += 1;
            assert!(stored(&fresh).await.is_empty(), "after {polls} polls");
        } else {
            sqlx::query("DELETE FROM notes")
                .execute(fresh.pool())
                .await
                .unwrap();
        }
    }
    assert!(dropped > 3, "{dropped} copies were dropped");
    assert_eq!(copy_many(&*fresh, 10).await.unwrap(), 10);
    assert_eq!(stored(&fresh).await.len(), 10);
}

#[derive(Clone, Copy, Debug, PartialEq, sqlx::Type)]
#[sqlx(type_name = "mood", rename_all = "lowercase")]
enum Mood {
    Glad,
    Sad,
}

#[transactional]
async fn copy_moods(tx: &mut Tx<'_, Postgres>, moods: &[Mood]) -> dbop::Result<u64> {
    let rows = BulkInsert::into("\"Odd moods\"").column("\"Of\"", moods.iter().copied());
    rows.copy(&mut *tx).await
}

#[tokio::test]
async fn copy_stores_an_enum_of_the_users_in_a_table_with_an_odd_name() {
    let fresh = open().await;
    let schema =
        "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TABLE \"Odd moods\" (\"Of\" mood)";
    fresh.pool().execute(schema).await.expect("the schema");
    let moods = [Mood::Glad, Mood::Sad];
    assert_eq!(copy_moods(&*fresh, &moods).await.unwrap(), 2);
    let read = sqlx::query_scalar("SELECT \"Of\" FROM \"Odd moods\" ORDER BY 1");
    let found: Vec<Mood> = read.fetch_all(fresh.pool()).await.unwrap();
    assert_eq!(found, moods);
}

/// Copies into a table of this call's own, which has the name that the tables of other calls have.
#[transactional]
async fn stage<T>(tx: &mut Tx<'_, Postgres>, of: &'static str, value: T) -> dbop::Result<String>
where
    T: dbop::BulkValue<'static, Postgres> + Clone,
{
    let create = format!("CREATE TEMP TABLE stage (v {of}) ON COMMIT DROP");
    sqlx::query(sqlx::AssertSqlSafe(create))
        .execute(&mut *tx)
        .await?;
    BulkInsert::into("stage")
        .column("v", [value])
        .copy(&mut *tx)
        .await?;
    let read = sqlx::query_scalar("SELECT v::text FROM stage").persistent(false);
    Ok(read.fetch_one(&mut *tx).await?)
}

#[tokio::test]
async fn copy_knows_the_table_that_has_the_name_now() {
    let fresh = super::fresh_with(|builder| builder.max_connections(1)).await;
    assert_eq!(stage(&*fresh, "bigint", 42_i64).await.unwrap(), "42");
    assert_eq!(stage(&*fresh, "text", "words").await.unwrap(), "words");
    let error = stage(&*fresh, "float8", 42_i64).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.to_string().contains("double precision"), "{error}");
}

#[transactional]
async fn insert_numbers<T>(tx: &mut Tx<'_, Postgres>, numbers: Vec<T>) -> dbop::Result<u64>
where
    T: dbop::BulkValue<'static, Postgres> + Clone,
{
    BulkInsert::into("numbers")
        .column("n", numbers)
        .execute(&mut *tx)
        .await
}

#[tokio::test]
async fn one_connection_inserts_values_of_several_types_into_one_column() {
    let fresh = super::fresh_with(|builder| builder.max_connections(1)).await;
    let schema = "CREATE TABLE numbers (n BIGINT)";
    fresh.pool().execute(schema).await.expect("the schema");
    assert_eq!(insert_numbers(&*fresh, vec![1_i32, 2]).await.unwrap(), 2);
    assert_eq!(insert_numbers(&*fresh, vec![3_i64, 4]).await.unwrap(), 2);
    assert_eq!(insert_numbers(&*fresh, vec![5_i16]).await.unwrap(), 1);
    let sum = sqlx::query_scalar("SELECT sum(n)::bigint FROM numbers");
    assert_eq!(sum.fetch_one(fresh.pool()).await.ok(), Some(15_i64));
}

#[transactional]
async fn insert_texts(tx: &mut Tx<'_, Postgres>, texts: &[&str]) -> dbop::Result<u64> {
    let rows = BulkInsert::into("texts").column("t", texts.iter().copied());
    rows.execute(&mut *tx).await
}

/// One statement with all of them would have more than the 1 GiB at which a server cuts the connection.
#[tokio::test]
async fn rows_of_more_than_a_gibibyte_are_several_statements() {
    let fresh = super::fresh_with(|builder| builder).await;
    let schema = "CREATE UNLOGGED TABLE texts (t TEXT)";
    fresh.pool().execute(schema).await.expect("the schema");
    let text = "x".repeat(1024 * 1024);
    let inserted = insert_texts(&*fresh, &vec![&*text; 1_100]).await;
    assert_eq!(inserted.unwrap(), 1_100);
}
