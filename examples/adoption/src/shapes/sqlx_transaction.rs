//! `&mut Transaction`, 9 % of real functions. Each is annotated as it stands, and runs once, in the
//! transaction of its caller.

use sqlx::{Acquire, Sqlite, Transaction, query, query_scalar};

#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn put(
    tx: &mut Transaction<'_, Sqlite>,
    book: i64,
    shelf: i64,
) -> sqlx::Result<()> {
    let put = query("UPDATE books SET shelf = ? WHERE id = ?");
    let put = put.bind(shelf).bind(book);
    put.execute(&mut **tx).await.map(|_| ())
}

#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn shelf_of(tx: &mut Transaction<'_, Sqlite>, book: i64) -> sqlx::Result<i64> {
    let shelf = query_scalar("SELECT shelf FROM books WHERE id = ?");
    shelf.bind(book).fetch_one(&mut **tx).await
}

#[cfg_attr(feature = "dbop", dbop::db_op(read_only))]
pub(crate) async fn books_on(tx: &mut Transaction<'_, Sqlite>, shelf: i64) -> sqlx::Result<i64> {
    let books = query_scalar("SELECT COUNT(*) FROM books WHERE shelf = ?");
    books.bind(shelf).fetch_one(&mut **tx).await
}

#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn clear(
    tx: &mut Transaction<'_, Sqlite>,
    from: i64,
    to: i64,
) -> sqlx::Result<u64> {
    let clear = query("UPDATE books SET shelf = ? WHERE shelf = ?");
    let done = clear.bind(to).bind(from).execute(&mut **tx).await?;
    Ok(done.rows_affected())
}

/// Puts a book on a shelf if there is room, and otherwise leaves no trace: a savepoint of sqlx's
/// own goes on working.
#[cfg_attr(feature = "dbop", dbop::db_op)]
pub(crate) async fn try_put(
    tx: &mut Transaction<'_, Sqlite>,
    book: i64,
    shelf: i64,
    room: i64,
) -> sqlx::Result<bool> {
    let mut savepoint = tx.begin().await?;
    put(&mut savepoint, book, shelf).await?;
    if books_on(&mut savepoint, shelf).await? > room {
        savepoint.rollback().await?;
        return Ok(false);
    }
    savepoint.commit().await?;
    Ok(true)
}
