//! A transaction under the application's own name, 9 % of real functions. Each is annotated as it
//! stands. The caller has begun the transaction and ends it, so a call runs once. What it gets: the
//! error category, the counts, the span, and a deadline where one is named.

use sqlx::{Sqlite, Transaction, query, query_scalar};

/// What this application calls a transaction.
pub(crate) type Txn<'c> = Transaction<'c, Sqlite>;

#[cfg_attr(feature = "dbop", dbop::db_op(timeout = "10s"))]
pub(crate) async fn place(tx: &mut Txn<'_>, book: i64, member: i64, day: i64) -> sqlx::Result<()> {
    let place = query("INSERT INTO holds (book, member, day) VALUES (?, ?, ?)");
    let place = place.bind(book).bind(member).bind(day);
    place.execute(&mut **tx).await.map(|_| ())
}

#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn cancel(tx: &mut Txn<'_>, book: i64, member: i64) -> sqlx::Result<()> {
    let cancel = query("DELETE FROM holds WHERE book = ? AND member = ?");
    let cancel = cancel.bind(book).bind(member);
    cancel.execute(&mut **tx).await.map(|_| ())
}

/// Returns how many members wait for a book.
#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn waiting(tx: &mut Txn<'_>, book: i64) -> sqlx::Result<i64> {
    let waiting = query_scalar("SELECT COUNT(*) FROM holds WHERE book = ?");
    waiting.bind(book).fetch_one(&mut **tx).await
}

/// Returns the member who has waited longest.
#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn first(tx: &mut Txn<'_>, book: i64) -> sqlx::Result<Option<i64>> {
    let first = "SELECT member FROM holds WHERE book = ? ORDER BY day LIMIT 1";
    let first = query_scalar(first).bind(book);
    first.fetch_optional(&mut **tx).await
}

#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn expire(tx: &mut Txn<'_>, before: i64) -> sqlx::Result<u64> {
    let expire = query("DELETE FROM holds WHERE day < ?").bind(before);
    Ok(expire.execute(&mut **tx).await?.rows_affected())
}
