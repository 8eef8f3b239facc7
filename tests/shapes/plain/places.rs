//! Where functions may stand, what their bodies may do, and what their futures are.

use dbop::{BlockingDb, db_op, transactional};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OptionalExtension};

use super::{Answer, AppError, SqliteDb, count, echo, open};

mod inner {
    use super::{Answer, Connection, db_op, echo};

    #[db_op]
    pub(crate) fn visible(conn: &mut Connection) -> Answer {
        Ok(echo(conn, 1)?)
    }

    pub(super) mod deeper {
        use super::{Answer, Connection, db_op, echo};

        #[db_op]
        pub(in super::super) fn visible(conn: &mut Connection) -> Answer {
            Ok(echo(conn, 2)?)
        }
    }
}

#[tokio::test]
async fn visibility_is_that_of_both() {
    let db = open().await;
    assert_eq!(inner::visible(&db).await.unwrap(), 1);
    assert_eq!(inner::deeper::visible(&db).await.unwrap(), 2);
    let mut conn = Connection::open_in_memory().unwrap();
    assert_eq!(inner::visible_sync(&mut conn).unwrap(), 1);
    assert_eq!(inner::deeper::visible_sync(&mut conn).unwrap(), 2);
}

fn in_a_function() -> impl Future<Output = Answer> {
    #[db_op]
    fn f(conn: &mut Connection) -> Answer {
        #[db_op]
        fn nested(conn: &mut Connection, n: i64) -> Answer {
            Ok(echo(conn, n)?)
        }
        nested_sync(conn, 3)
    }
    async { f(&open().await).await }
}

#[tokio::test]
async fn functions_inside_of_functions() {
    assert_eq!(in_a_function().await.unwrap(), 3);
    let block = async {
        #[db_op]
        fn f(conn: &mut Connection) -> Answer {
            Ok(echo(conn, 4)?)
        }
        f(&open().await).await
    };
    assert_eq!(block.await.unwrap(), 4);
}

#[transactional]
fn of_many_ways(conn: &mut Connection, way: &str) -> Answer<Option<i64>> {
    struct Holder<'a>(&'a Connection);
    impl Holder<'_> {
        fn get(&self, n: i64) -> rusqlite::Result<i64> {
            echo(self.0, n)
        }
    }
    const LIMIT: i64 = 2;
    if way == "early" {
        return Ok(None);
    }
    let mut seen = Vec::new();
    let mut note = |n| seen.push(n);
    for n in 0.. {
        let n = Holder(conn).get(n)?;
        note(n);
        if n == LIMIT {
            break;
        }
    }
    let found = 'found: {
        for n in &seen {
            if *n == LIMIT && way == "labelled" {
                break 'found *n;
            }
        }
        let Some(n) = conn
            .query_row("SELECT 5 WHERE ?1 = 'row'", [way], |row| row.get(0))
            .optional()?
        else {
            return Err(AppError::Sqlite(rusqlite::Error::QueryReturnedNoRows));
        };
        n
    };
    Ok(Some(found))
}

#[tokio::test]
async fn bodies() {
    let db = open().await;
    assert_eq!(of_many_ways(&db, "early").await.unwrap(), None);
    assert_eq!(of_many_ways(&db, "labelled").await.unwrap(), Some(2));
    assert_eq!(of_many_ways(&db, "row").await.unwrap(), Some(5));
    assert!(of_many_ways(&db, "other").await.is_err());
}

#[tokio::test]
async fn an_error_rolls_back_what_the_driver_wrote() {
    #[transactional]
    fn f(conn: &mut Connection, fails: bool) -> Answer<()> {
        conn.execute("INSERT INTO notes (body) VALUES ('a')", ())?;
        if fails {
            conn.execute("nonsense", ())?;
        }
        Ok(())
    }
    let db = open().await;
    f(&db, true).await.unwrap_err();
    assert_eq!(count(&db).await.unwrap(), 0);
    f(&db, false).await.unwrap();
    assert_eq!(count(&db).await.unwrap(), 1);
}

#[tokio::test]
async fn a_tail_expression_may_borrow_from_arguments_and_locals() {
    struct Wrapped(Option<i64>);
    struct Guard<'a>(&'a mut Option<i64>);
    impl Guard<'_> {
        fn get(&self) -> i64 {
            self.0.unwrap_or_default()
        }
    }
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.0.take();
        }
    }
    trait Read {
        async fn read(db: &SqliteDb, wrapped: Wrapped) -> Answer;
    }
    #[db_op]
    fn f(conn: &mut Connection, mut value: Option<i64>) -> Answer {
        let n = echo(conn, 1)?;
        Ok(n + Guard(&mut value).get())
    }
    impl Read for () {
        #[db_op(db = db, in_trait_impl, retry = never)]
        fn read(db: &SqliteDb, #[session] conn: &mut Connection, mut wrapped: Wrapped) -> Answer {
            echo(conn, 1)?;
            Ok(Guard(&mut wrapped.0).get())
        }
    }
    let db = open().await;
    assert_eq!(f(&db, Some(2)).await.unwrap(), 3);
    assert_eq!(<()>::read(&db, Wrapped(Some(2))).await.unwrap(), 2);
}

fn assert_send<F: Future + Send>(future: F) -> F {
    future
}

#[tokio::test]
async fn futures_are_send_and_can_be_spawned() {
    #[transactional]
    fn f(conn: &mut Connection, text: &str, list: &[&str], n: i64) -> Answer {
        Ok(echo(
            conn,
            n + i64::try_from(text.len() + list.len()).unwrap(),
        )?)
    }
    async fn generic<M>(db: BlockingDb<M>) -> Answer
    where
        M: dbop::blocking::Manager<Connection = Connection>,
    {
        assert_send(f(&db, "a", &["b"], 1)).await
    }
    let db = open().await;
    assert_eq!(assert_send(f(&db, "a", &["b"], 1)).await.unwrap(), 3);
    let spawned = tokio::spawn(generic::<SqliteConnectionManager>(db));
    assert_eq!(spawned.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn futures_are_small() {
    #[transactional]
    fn f(conn: &mut Connection, text: &str) -> Answer {
        Ok(echo(conn, i64::try_from(text.len()).unwrap())?)
    }
    let db = open().await;
    let size = size_of_val(&f(&db, "a"));
    assert!(size <= 2048, "{size} bytes");
}
