//! The books, in a type that keeps the pool. Each method stands here before and after.

use sqlx::{SqlitePool, query, query_as, query_scalar};
#[cfg(feature = "dbop")]
use {
    dbop::{Conn, Tx},
    sqlx::Sqlite,
};

use crate::error::{LibraryError, Result};

pub(crate) struct Catalogue {
    pub(crate) pool: SqlitePool,
}

const ADD: &str = "INSERT INTO books (title, author, copies) VALUES (?, ?, ?) RETURNING id";
const BY_AUTHOR: &str = "SELECT title FROM books WHERE author = ? ORDER BY title";
const BOOK: &str = "SELECT title, author FROM books WHERE id = ?";
const IS_LENT: &str = "SELECT EXISTS (SELECT * FROM loans WHERE book = ? AND returned IS NULL)";

impl Catalogue {
    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn add(&self, title: &str, author: &str, copies: i64) -> Result<i64> {
        let add = query_scalar(ADD).bind(title).bind(author).bind(copies);
        Ok(add.fetch_one(&self.pool).await?)
    }

    // One statement: retried if the database says that the statement was not applied.
    #[cfg(feature = "dbop")]
    #[dbop::db_op(db = self.pool)]
    pub(crate) async fn add(
        &self,
        conn: &mut Conn<'_, Sqlite>,
        title: &str,
        author: &str,
        copies: i64,
    ) -> Result<i64> {
        let add = query_scalar(ADD).bind(title).bind(author).bind(copies);
        Ok(add.fetch_one(&mut *conn).await?)
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn book(&self, id: i64) -> Result<(String, String)> {
        Ok(query_as(BOOK).bind(id).fetch_one(&self.pool).await?)
    }

    // A read is retried after any failure that may pass.
    #[cfg(feature = "dbop")]
    #[dbop::db_op(read_only, db = self.pool)]
    pub(crate) async fn book(
        &self,
        conn: &mut Conn<'_, Sqlite>,
        id: i64,
    ) -> Result<(String, String)> {
        Ok(query_as(BOOK).bind(id).fetch_one(&mut *conn).await?)
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn by_author(&self, author: &str) -> sqlx::Result<Vec<String>> {
        let titles = query_scalar(BY_AUTHOR).bind(author);
        titles.fetch_all(&self.pool).await
    }

    #[cfg(feature = "dbop")]
    #[dbop::db_op(read_only, db = self.pool)]
    pub(crate) async fn by_author(
        &self,
        conn: &mut Conn<'_, Sqlite>,
        author: &str,
    ) -> sqlx::Result<Vec<String>> {
        let titles = query_scalar(BY_AUTHOR).bind(author);
        titles.fetch_all(&mut *conn).await
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn rename(&self, id: i64, title: &str) -> sqlx::Result<u64> {
        let rename = query("UPDATE books SET title = ? WHERE id = ?");
        let done = rename.bind(title).bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    // A second run does no harm, so this is retried even if it may have been applied.
    #[cfg(feature = "dbop")]
    #[dbop::db_op(idempotent, db = self.pool)]
    pub(crate) async fn rename(
        &self,
        conn: &mut Conn<'_, Sqlite>,
        id: i64,
        title: &str,
    ) -> sqlx::Result<u64> {
        let rename = query("UPDATE books SET title = ? WHERE id = ?");
        let done = rename.bind(title).bind(id).execute(&mut *conn).await?;
        Ok(done.rows_affected())
    }

    #[cfg(not(feature = "dbop"))]
    pub(crate) async fn retire(&self, id: i64) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        if query_scalar(IS_LENT).bind(id).fetch_one(&mut *tx).await? {
            return Err(LibraryError::IsLent(id));
        }
        let delete = query("DELETE FROM books WHERE id = ?").bind(id);
        delete.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    // `begin` and `commit` go. A transaction that has rolled back is replayed.
    #[cfg(feature = "dbop")]
    #[dbop::transactional(db = self.pool)]
    pub(crate) async fn retire(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> Result<()> {
        if query_scalar(IS_LENT).bind(id).fetch_one(&mut *tx).await? {
            return Err(LibraryError::IsLent(id));
        }
        let delete = query("DELETE FROM books WHERE id = ?").bind(id);
        delete.execute(&mut *tx).await?;
        Ok(())
    }

    /// Returns the number of books and of copies. The two statements may run at the same time, on
    /// two connections, so this method keeps the pool. What it gets: a retry of the whole.
    #[cfg_attr(
        feature = "dbop",
        dbop::db_op(read_only, allow(no_session, reason = "it may take two connections"))
    )]
    pub(crate) async fn inventory(&self) -> sqlx::Result<(i64, i64)> {
        let books = query_scalar("SELECT COUNT(*) FROM books").fetch_one(&self.pool);
        let copies = query_scalar("SELECT SUM(copies) FROM books").fetch_one(&self.pool);
        tokio::try_join!(books, copies)
    }
}
