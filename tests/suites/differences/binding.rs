//! Which types of Rust a function for both databases can bind and read.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::num::NonZeroI64;
use std::sync::Arc;

use sqlx::types::{Json, JsonValue, Text, Uuid, chrono, time};
use sqlx::{Database, Decode, Encode, Postgres, Sqlite, Type};

/// Tells whether a type binds: the constant of this type hides that of the trait.
struct Probe<T, DB>(PhantomData<(T, DB)>);

impl<T, DB: Database> Probe<T, DB>
where
    T: for<'q> Encode<'q, DB> + for<'r> Decode<'r, DB> + Type<DB>,
{
    const BINDS: bool = true;
}

trait Fallback {
    const BINDS: bool = false;
}

impl<T> Fallback for T {}

/// Checks that each type binds on SQLite and on PostgreSQL as `$expected` says.
macro_rules! bind {
    ($expected:expr; $($type:ty),* $(,)?) => {
        $(
            let binds = (<Probe<$type, Sqlite>>::BINDS, <Probe<$type, Postgres>>::BINDS);
            assert_eq!(binds, $expected, "{}", stringify!($type));
        )*
    };
}

#[derive(sqlx::Type)]
#[sqlx(transparent)]
struct Cents(#[allow(dead_code, reason = "only its type is looked at")] i64);

#[derive(sqlx::Type)]
#[repr(i32)]
#[allow(dead_code, reason = "only its type is looked at")]
enum Level {
    Low = 1,
}

#[derive(sqlx::Type)]
#[sqlx(type_name = "TEXT")]
#[allow(dead_code, reason = "only its type is looked at")]
enum Mood {
    Happy,
}

#[test]
fn these_types_bind_on_both_databases() {
    bind!((true, true); i8, i16, i32, i64, NonZeroI64, f32, f64, bool);
    bind!((true, true); String, Box<str>, Arc<str>, Cow<'static, str>, Option<String>, Option<i64>);
    bind!((true, true); Vec<u8>, Uuid, Json<Vec<i64>>, JsonValue, Text<IpAddr>);
    bind!((true, true); Cents, Level, Mood);
    bind!((true, true); chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::FixedOffset>);
    bind!((true, true); chrono::NaiveDateTime, chrono::NaiveDate, chrono::NaiveTime);
    bind!((true, true); time::OffsetDateTime, time::PrimitiveDateTime, time::Date, time::Time);
}

#[test]
fn small_unsigned_numbers_bind_on_sqlite_only() {
    bind!((true, false); u8, u16, u32);
}

#[test]
fn arrays_bind_on_postgres_only() {
    bind!((false, true); Vec<i64>, Vec<String>, [i64; 2], [u8; 4]);
}

#[test]
fn numbers_that_no_database_has_bind_on_none() {
    bind!((false, false); u64, u128, i128, usize, isize, char, std::time::Duration, IpAddr);
}
