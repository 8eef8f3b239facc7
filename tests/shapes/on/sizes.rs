//! How much a call holds.

use dbop::{AnyDb, Conn, Db, Tx, db_op, transactional};
use sqlx::{Postgres, Sqlite};

use crate::common::Answer;

const MANY: usize = 16_000;

/// What a body keeps while it waits. On Postgres it is much.
trait Kept {
    type Bytes: AsRef<[u8]> + Send;
    const BYTES: Self::Bytes;
}

impl Kept for Sqlite {
    type Bytes = [u8; 1];
    const BYTES: Self::Bytes = [1];
}

impl Kept for Postgres {
    type Bytes = [u8; MANY];
    const BYTES: Self::Bytes = [1; MANY];
}

macro_rules! functions {
    ($module:ident, [$($on:tt)*], $db:ident) => {
        mod $module {
            use super::*;

            #[transactional($($on)*)]
            pub(super) async fn keeps(tx: &mut Tx<'_, $db>, n: i64) -> Answer {
                let bytes = <$db as Kept>::BYTES;
                let echo = sqlx::query_scalar("SELECT CAST($1 AS BIGINT)").bind(n);
                let n: i64 = echo.fetch_one(&mut *tx).await?;
                Ok(n + i64::from(bytes.as_ref()[0]))
            }

            #[db_op($($on)*)]
            pub(super) async fn keeps_op(conn: &mut Conn<'_, $db>, n: i64) -> Answer {
                let bytes = <$db as Kept>::BYTES;
                let echo = sqlx::query_scalar("SELECT CAST($1 AS BIGINT)").bind(n);
                let n: i64 = echo.fetch_one(&mut *conn).await?;
                Ok(n + i64::from(bytes.as_ref()[0]))
            }

            #[transactional($($on)*)]
            pub(super) async fn joins(tx: &mut Tx<'_, $db>, n: i64) -> Answer {
                keeps(&mut *tx, n).await
            }
        }
    };
}

functions!(both, [on = [Sqlite, Postgres]], DB);
functions!(one, [], Sqlite);

/// Returns the size of the future without making a call, for which there would have to be a server.
fn size_of_call<A, F>(_: impl FnOnce(A) -> F) -> usize {
    size_of::<F>()
}

type Handle<DB> = &'static Db<DB>;
type Transaction<DB> = &'static mut Tx<'static, DB>;
type Session<DB> = &'static mut Conn<'static, DB>;

#[track_caller]
fn assert_alike(both: usize, one: usize) {
    assert!(one < MANY / 3, "{one} bytes");
    assert!(both * 10 <= one * 11, "{both} bytes, and {one} for one");
}

#[test]
fn a_call_holds_only_the_future_of_the_database_that_its_scope_names() {
    assert_alike(
        size_of_call(|db: Handle<Sqlite>| both::keeps(db, 1)),
        size_of_call(|db: Handle<Sqlite>| one::keeps(db, 1)),
    );
    assert_alike(
        size_of_call(|tx: Transaction<Sqlite>| both::keeps(tx, 1)),
        size_of_call(|tx: Transaction<Sqlite>| one::keeps(tx, 1)),
    );
    assert_alike(
        size_of_call(|conn: Session<Sqlite>| both::keeps_op(conn, 1)),
        size_of_call(|conn: Session<Sqlite>| one::keeps_op(conn, 1)),
    );
    assert_alike(
        size_of_call(|db: Handle<Sqlite>| both::joins(db, 1)),
        size_of_call(|db: Handle<Sqlite>| one::joins(db, 1)),
    );
    let large = size_of_call(|db: Handle<Postgres>| both::keeps(db, 1));
    assert!(large > MANY, "the other future is larger: {large} bytes");
}

#[test]
fn a_call_through_a_handle_to_any_database_has_room_for_the_larger_future_only() {
    let large = size_of_call(|db: Handle<Postgres>| both::joins(db, 1));
    let any = size_of_call(|db: &'static AnyDb| both::joins(db, 1));
    assert!(any > MANY, "{any} bytes");
    assert!(any * 10 <= large * 11, "{any} bytes, and {large}");
}
