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
            "`id` of `notes` is of the type INT8, its values of the type INT4",
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
