//! dbop's side: the functions as a user of dbop writes them.

use std::task::Poll;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{Postgres, Sqlite};

use crate::recorder::{Recorder, measure};
use crate::texts::sqlite::ADD;

/// Defines the functions for a database. They differ in the type of the session only.
macro_rules! functions {
    ($module:ident, $database:ident) => {
        pub(crate) mod $module {
            use dbop::{Conn, Tx, db_op, transactional};

            use crate::texts::$module::{ADD, READ};

            type DB = sqlx::$database;

            #[db_op]
            pub(crate) async fn add(
                conn: &mut Conn<'_, DB>,
                id: i64,
                cents: i64,
            ) -> dbop::Result<u64> {
                let add = sqlx::query(ADD).bind(cents).bind(id);
                Ok(add.execute(&mut *conn).await?.rows_affected())
            }

            #[db_op(read_only)]
            pub(crate) async fn read(conn: &mut Conn<'_, DB>, id: i64) -> dbop::Result<i64> {
                let read = sqlx::query_scalar(READ).bind(id);
                Ok(read.fetch_one(&mut *conn).await?)
            }

            #[transactional]
            pub(crate) async fn transfer(
                tx: &mut Tx<'_, DB>,
                from: i64,
                to: i64,
                cents: i64,
            ) -> dbop::Result<u64> {
                let take = sqlx::query(ADD).bind(-cents).bind(from);
                let taken = take.execute(&mut *tx).await?.rows_affected();
                let give = sqlx::query(ADD).bind(cents).bind(to);
                Ok(taken + give.execute(&mut *tx).await?.rows_affected())
            }

            #[transactional]
            pub(crate) async fn joined_add(
                tx: &mut Tx<'_, DB>,
                id: i64,
                cents: i64,
            ) -> dbop::Result<u64> {
                let add = sqlx::query(ADD).bind(cents).bind(id);
                Ok(add.execute(&mut *tx).await?.rows_affected())
            }

            #[transactional(nested)]
            pub(crate) async fn nested_add(
                tx: &mut Tx<'_, DB>,
                id: i64,
                cents: i64,
            ) -> dbop::Result<u64> {
                let add = sqlx::query(ADD).bind(cents).bind(id);
                Ok(add.execute(&mut *tx).await?.rows_affected())
            }
        }
    };
}

functions!(sqlite, Sqlite);
functions!(postgres, Postgres);

/// Takes a session and does nothing with it.
#[db_op]
pub(crate) async fn idle(conn: &mut Conn<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    let _ = conn;
    Ok(id)
}

/// Needs no session.
#[db_op(idempotent)]
pub(crate) async fn sessionless(id: i64) -> dbop::Result<i64> {
    Ok(id)
}

#[transactional]
async fn joined(tx: &mut Tx<'_, Sqlite>, id: i64) -> dbop::Result<i64> {
    let _ = tx;
    Ok(id)
}

/// Measures calls inside one transaction.
#[transactional(timeout = "1h", retry = never)]
pub(crate) async fn joins(tx: &mut Tx<'_, Sqlite>, recorder: &Recorder) -> dbop::Result<()> {
    measure!(recorder, "inner-idle", Dbop: joined(&mut *tx, 1));
    measure!(recorder, "inner-joined", Dbop: sqlite::joined_add(&mut *tx, 1, 1));
    measure!(recorder, "inner-nested", Dbop: sqlite::nested_add(&mut *tx, 1, 1));
    Ok(())
}

/// Measures calls inside one transaction on the stub.
#[transactional(timeout = "1h", retry = never)]
pub(crate) async fn stub_joins(tx: &mut Tx<'_, Postgres>, recorder: &Recorder) -> dbop::Result<()> {
    measure!(recorder, "stub-joined", Dbop: postgres::joined_add(&mut *tx, 1, 1));
    measure!(recorder, "stub-nested", Dbop: postgres::nested_add(&mut *tx, 1, 1));
    Ok(())
}

#[db_op]
pub(crate) fn sync_add(
    conn: &mut rusqlite::Connection,
    id: i64,
    cents: i64,
) -> dbop::Result<usize> {
    Ok(conn.prepare_cached(ADD)?.execute((cents, id))?)
}

#[transactional]
pub(crate) fn sync_transfer(
    conn: &mut rusqlite::Connection,
    from: i64,
    to: i64,
    cents: i64,
) -> dbop::Result<usize> {
    let mut add = conn.prepare_cached(ADD)?;
    Ok(add.execute((-cents, from))? + add.execute((cents, to))?)
}

/// The same functions for one database and for two.
pub(crate) mod each {
    use dbop::{Conn, db_op};

    use super::polls;

    macro_rules! functions {
        ($module:ident, [$($on:tt)*], $database:ty) => {
            pub(crate) mod $module {
                use super::*;

                #[db_op($($on)*)]
                pub(crate) async fn idle(conn: &mut Conn<'_, $database>, id: i64) -> dbop::Result<i64> {
                    let _ = conn;
                    Ok(id)
                }

                /// Is polled this many times more than once.
                #[db_op($($on)*)]
                #[dbop::allow(foreign_await, reason = "nothing waits for anything")]
                pub(crate) async fn polled(
                    conn: &mut Conn<'_, $database>,
                    times: u32,
                ) -> dbop::Result<u32> {
                    let _ = conn;
                    polls(times).await;
                    Ok(times)
                }
            }
        };
    }

    functions!(one, [], sqlx::Sqlite);
    functions!(two, [on = [Sqlite, Postgres]], DB);
}

/// Returns a future that is ready when it is polled for one time more than this.
fn polls(times: u32) -> impl Future<Output = ()> {
    let mut left = times;
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
