//! What else may be written above functions.

use dbop::{db_op, transactional};
use rusqlite::Connection;
use tracing::instrument;

use super::{Answer, SqliteDb, echo, open};

/// Everything that rustc and clippy ask of public items.
pub mod documented {
    #![deny(
        missing_docs,
        unreachable_pub,
        rust_2018_idioms,
        unused_qualifications,
        single_use_lifetimes,
        unused_lifetimes,
        let_underscore_drop,
        clippy::shadow_unrelated,
        clippy::missing_docs_in_private_items
    )]
    #![allow(unreachable_pub, reason = "what is tested is a public function")]

    use dbop::{db_op, transactional};
    use rusqlite::Connection;

    /// A public type.
    #[derive(Clone, Debug, Default)]
    pub struct Public {
        /// A number.
        pub n: i64,
    }

    /// Reads a number.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    #[db_op(read_only)]
    pub fn read(conn: &Connection, texts: &[&str], _spare: i64) -> dbop::Result<usize> {
        let one: i32 = conn.query_row("SELECT 1", [], |row| row.get(0))?;
        Ok(usize::from(one == 1) + texts.len())
    }

    impl Public {
        /// Reads its number.
        ///
        /// # Errors
        ///
        /// Returns the error of the database.
        #[transactional]
        pub fn read(&self, conn: &mut Connection, times: Option<&i64>) -> dbop::Result<i64> {
            let n = conn.query_row("SELECT ?1", [self.n], |row| row.get::<_, i64>(0))?;
            Ok(n * times.copied().unwrap_or(1))
        }
    }
}

#[tokio::test]
async fn nothing_is_said_about_the_expansion() {
    let db = open().await;
    assert_eq!(documented::read(&db, &["a"], 0).await.unwrap(), 2);
    let public = documented::Public { n: 3 };
    assert_eq!(public.read(&db, Some(&2)).await.unwrap(), 6);
    let conn = Connection::open_in_memory().unwrap();
    assert_eq!(documented::read_sync(&conn, &[], 0).unwrap(), 1);
}

#[must_use = "it is expensive"]
#[inline]
#[db_op]
#[cold]
#[track_caller]
fn with_hints(conn: &mut Connection) -> Answer {
    Ok(echo(conn, 1)?)
}

#[deprecated = "read something else"]
#[transactional]
fn deprecated_above(conn: &mut Connection) -> Answer {
    Ok(echo(conn, 2)?)
}

#[transactional]
#[deprecated(since = "0.1.0", note = "read something else")]
fn deprecated_below(conn: &mut Connection) -> Answer {
    Ok(echo(conn, 3)?)
}

#[db_op]
#[cfg(not(test))]
fn missing(conn: &mut Missing) -> Missing {}

#[cfg(not(test))]
#[db_op]
fn missing(conn: &mut Missing) -> Missing {}

#[db_op]
#[cfg_attr(test, expect(unused_mut, reason = "a shape"))]
fn conditional(conn: &mut Connection, text: String) -> Answer {
    let mut n = i64::try_from(text.len()).unwrap();
    Ok(echo(conn, n)?)
}

#[tokio::test]
async fn hints_and_conditions() {
    let db = open().await;
    assert_eq!(with_hints(&db).await.unwrap(), 1);
    #[allow(deprecated)]
    let both = (deprecated_above(&db).await, deprecated_below(&db).await);
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (2, 3));
    assert_eq!(conditional(&db, "abcd".to_owned()).await.unwrap(), 4);
}

#[db_op]
#[instrument(skip(conn), fields(twice = n * 2), err)]
fn instrumented_below(conn: &mut Connection, n: i64, text: &str) -> Answer {
    Ok(echo(conn, n)?)
}

#[instrument(skip(conn), fields(twice = n * 2), ret)]
#[db_op]
fn instrumented_above(conn: &mut Connection, n: i64, text: &str) -> Answer {
    Ok(echo(conn, n)?)
}

#[derive(Clone, Debug)]
struct Repo {
    db: SqliteDb,
    n: i64,
}

trait Read {
    async fn read(&self, n: i64) -> Answer;
}

impl Repo {
    #[instrument(skip_all, fields(n = self.n))]
    #[transactional(db = self.db)]
    fn above(&self, conn: &mut Connection, m: i64) -> Answer {
        Ok(echo(conn, self.n + m)?)
    }

    #[transactional(db = self.db)]
    #[instrument(skip(self, conn), fields(n = self.n))]
    fn below(&self, conn: &mut Connection, m: i64) -> Answer {
        Ok(echo(conn, self.n + m)?)
    }
}

impl Read for Repo {
    #[transactional(db = self.db, in_trait_impl)]
    #[instrument(skip(self), fields(n = self.n))]
    fn read(&self, conn: &mut Connection, n: i64) -> Answer {
        Ok(echo(conn, self.n + n)?)
    }
}

#[tokio::test]
async fn instrument() {
    let db = open().await;
    assert_eq!(instrumented_below(&db, 1, "").await.unwrap(), 1);
    assert_eq!(instrumented_above(&db, 1, "").await.unwrap(), 1);
    let repo = Repo { db, n: 3 };
    assert_eq!(repo.above(1).await.unwrap(), 4);
    assert_eq!(repo.below(1).await.unwrap(), 4);
    assert_eq!(repo.read(1).await.unwrap(), 4);
}

#[db_op]
fn with_inner_attributes(conn: &mut Connection) -> Answer {
    #![allow(unused_variables, clippy::unnecessary_wraps)]
    let unused = 1;
    Ok(2)
}

#[db_op]
#[dbop::allow(unfiltered_write, reason = "a shape")]
fn with_a_level_of_dbop(conn: &mut Connection) -> dbop::Result<usize> {
    Ok(conn.execute("DELETE FROM notes", ())?)
}

#[tokio::test]
async fn lint_levels() {
    let db = open().await;
    assert_eq!(with_inner_attributes(&db).await.unwrap(), 2);
    assert_eq!(with_a_level_of_dbop(&db).await.unwrap(), 0);
}
