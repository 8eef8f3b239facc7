//! A `&mut` connection, 14 % of real functions. Each is annotated as it stands. Its callers have a
//! connection already, so a call runs once; in a transaction of dbop's it joins, and the whole
//! transaction is replayed.

use sqlx::{SqliteConnection, SqliteExecutor, query, query_as, query_scalar};

#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn insert(
    conn: &mut SqliteConnection,
    book: i64,
    member: i64,
    due: i64,
) -> sqlx::Result<i64> {
    let insert = "INSERT INTO loans (book, member, due) VALUES (?, ?, ?) RETURNING id";
    let insert = query_scalar(insert).bind(book).bind(member).bind(due);
    insert.fetch_one(conn).await
}

/// Returns how many books a member has.
#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn open_of(conn: &mut SqliteConnection, member: i64) -> sqlx::Result<i64> {
    let open = query_scalar("SELECT COUNT(*) FROM loans WHERE member = ? AND returned IS NULL");
    open.bind(member).fetch_one(&mut *conn).await
}

/// Ends a loan. Returns whose it was, and when it was due.
#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn close(
    conn: &mut SqliteConnection,
    loan: i64,
    day: i64,
) -> sqlx::Result<(i64, i64)> {
    let close = "UPDATE loans SET returned = ? WHERE id = ? RETURNING member, due";
    query_as(close).bind(day).bind(loan).fetch_one(conn).await
}

#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn count(conn: &mut SqliteConnection) -> sqlx::Result<i64> {
    query_scalar("SELECT COUNT(*) FROM loans")
        .fetch_one(conn)
        .await
}

/// Returns how many copies of a book are in the house.
#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn copies_left<T>(conn: &mut T, book: i64) -> sqlx::Result<i64>
where
    for<'e> &'e mut T: SqliteExecutor<'e>,
{
    let copies = query_scalar("SELECT copies FROM books WHERE id = ?").bind(book);
    let copies: i64 = copies.fetch_one(&mut *conn).await?;
    let lent = query_scalar("SELECT COUNT(*) FROM loans WHERE book = ? AND returned IS NULL");
    let lent: i64 = lent.bind(book).fetch_one(conn).await?;
    Ok(copies - lent)
}

#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn last_of<T>(conn: &mut T, member: i64) -> sqlx::Result<Option<i64>>
where
    for<'e> &'e mut T: SqliteExecutor<'e>,
    T: Send,
{
    let last = query_scalar("SELECT id FROM loans WHERE member = ? ORDER BY id DESC LIMIT 1");
    last.bind(member).fetch_optional(&mut *conn).await
}

/// Gives the loans of one member to another. On a connection, the two statements are one
/// transaction with dbop; in a transaction they are a savepoint.
#[cfg_attr(feature = "dbop", dbop::transactional)]
pub(crate) async fn hand_over(
    conn: &mut SqliteConnection,
    from: i64,
    to: i64,
) -> sqlx::Result<u64> {
    let hand_over = query("UPDATE loans SET member = ? WHERE member = ? AND returned IS NULL");
    let done = hand_over.bind(to).bind(from).execute(&mut *conn).await?;
    let entry = query("INSERT INTO journal (entry) VALUES ('loans were handed over')");
    entry.execute(conn).await?;
    Ok(done.rows_affected())
}
