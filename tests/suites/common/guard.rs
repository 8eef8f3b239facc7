//! `read_only` on a pool that may write: a guard that lasts as long as the call.

use dbop::{Conn, ErrorKind, Scope, Tx, db_op, transactional};
use sqlx::Pool;
use tokio::sync::Notify;

use super::Database;
use super::notes::{self, Trouble, insert, soon};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    Ok,
    Err,
    Write,
    Late,
    Dropped,
}

pub(crate) const ENDS: [End; 5] = [End::Ok, End::Err, End::Write, End::Late, End::Dropped];

/// Lets `$session` read, and then end as `$end` says.
macro_rules! end_as {
    ($session:ident, $end:ident, $begun:ident) => {{
        sqlx::query("SELECT id FROM notes")
            .fetch_all(&mut *$session)
            .await?;
        $begun.notify_one();
        match $end {
            End::Ok => Ok(()),
            End::Err => Err(Trouble::Refused),
            End::Write => Ok(insert(&mut *$session, 666).await?),
            End::Late | End::Dropped => std::future::pending().await,
        }
    }};
}

#[db_op(read_only, timeout = "400ms")]
async fn reads(conn: &mut Conn<'_, Database>, end: End, begun: &Notify) -> Result<(), Trouble> {
    end_as!(conn, end, begun)
}

#[transactional(read_only, timeout = "400ms")]
async fn reads_in_tx(tx: &mut Tx<'_, Database>, end: End, begun: &Notify) -> Result<(), Trouble> {
    end_as!(tx, end, begun)
}

/// Makes one attempt only, because another one would get another connection and hide a fault of
/// this one.
#[db_op(retry = never)]
async fn writes(conn: &mut Conn<'_, Database>, id: i64) -> Result<(), Trouble> {
    Ok(insert(&mut *conn, id).await?)
}

async fn ended(call: impl Future<Output = Result<(), Trouble>>, end: End, begun: &Notify) {
    if end == End::Dropped {
        tokio::select! {
            result = call => panic!("the call was to wait for ever: {result:?}"),
            () = begun.notified() => {}
        }
        return;
    }
    let result = soon("the reader", call).await;
    match (end, result) {
        (End::Ok, result) => result.unwrap(),
        (End::Write, result) => assert_eq!(result.unwrap_err().kind(), ErrorKind::ReadOnly),
        (_, result) => drop(result.unwrap_err()),
    }
}

/// Reads in every way on a pool of one connection, and writes after each.
pub(crate) async fn writers_follow_readers(pool: &Pool<Database>) {
    let mut written = Vec::new();
    for end in ENDS {
        for in_tx in [false, true] {
            let begun = Notify::new();
            if in_tx {
                ended(reads_in_tx(pool, end, &begun), end, &begun).await;
            } else {
                ended(reads(pool, end, &begun), end, &begun).await;
            }
            let id = 1 + i64::try_from(written.len()).expect("a few");
            let next = soon("the writer", writes(pool, id)).await;
            next.unwrap_or_else(|error| panic!("after {end:?}, in a transaction {in_tx}: {error}"));
            written.push(id);
            assert_eq!(all(pool).await, written, "after {end:?}");
        }
    }
}

async fn all(scope: impl Scope<Database>) -> Vec<i64> {
    notes::notes(scope).await.expect("the notes")
}

#[tokio::test]
async fn a_reader_on_a_callers_pool_cannot_write_and_the_next_writer_can() {
    let db = notes::open_narrow().await;
    soon("all of it", writers_follow_readers(db.pool())).await;
}
