//! Streams of the shapes that both older editions have. There, an `impl Stream` captures a lifetime
//! only if it says so.

use std::pin::Pin;

use dbop::{db_op, Conn, Db, DbError};
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use sqlx::{Executor, Sqlite, SqliteConnection};

#[derive(Debug, thiserror::Error, DbError)]
enum AppError {
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

type Item<T = i64> = Result<T, AppError>;

fn echo<'e>(executor: impl Executor<'e, Database = Sqlite> + 'e, n: i64) -> BoxStream<'e, Item> {
    let query = sqlx::query_scalar("SELECT $1").bind(n).fetch(executor);
    query
        .map_err(|error| AppError::Database(error.into()))
        .boxed()
}

async fn all<T>(stream: impl Stream<Item = Item<T>>) -> Vec<T> {
    stream.try_collect().await.unwrap()
}

async fn open() -> Db<Sqlite> {
    Db::connect("sqlite::memory:").await.unwrap()
}

#[tokio::test]
async fn boxes() {
    #[db_op(read_only)]
    fn alias(conn: &mut Conn<'_, Sqlite>, text: &str) -> BoxStream<'_, Item<String>> {
        let text = text.to_owned();
        echo(&mut *conn, 1)
            .map_ok(move |n| format!("{text}{n}"))
            .boxed()
    }
    #[db_op(read_only)]
    fn pinned<'c>(
        conn: &'c mut SqliteConnection,
        text: &'c str,
    ) -> Pin<Box<dyn Stream<Item = Item<&'c str>> + Send + 'c>> {
        Box::pin(echo(conn, 1).map_ok(move |_| text))
    }
    let (db, text) = (open().await, "a".to_owned());
    assert_eq!(all(alias(&db, &text)).await, ["a1"]);
    assert_eq!(all(pinned(&mut &db, &text)).await, ["a"]);
}

#[tokio::test]
async fn opaque_streams() {
    #[db_op(read_only)]
    fn bare(conn: &mut Conn<'_, Sqlite>, text: &str, n: i64) -> impl Stream<Item = Item<usize>> {
        let length = text.len();
        echo(conn, n).map_ok(move |_| length)
    }
    #[db_op(read_only)]
    fn bounded(conn: &mut Conn<'_, Sqlite>, n: i64) -> impl Stream<Item = Item> + Send + '_ {
        echo(conn, n)
    }
    #[db_op(read_only, retry = never)]
    fn once<T: Into<i64> + Send>(conn: &mut Conn<'_, Sqlite>, n: T) -> impl Stream<Item = Item> {
        echo(conn, n.into())
    }
    #[db_op(read_only)]
    fn steps(conn: &mut Conn<'_, Sqlite>, last: i64) -> impl Stream<Item = Item> + '_ {
        stream::try_unfold((conn, 1), move |(conn, n)| async move {
            if n > last {
                return Ok(None);
            }
            let next = echo(&mut *conn, n).try_next().await?;
            Ok(next.map(|next| (next, (conn, n + 1))))
        })
    }
    let (db, text) = (open().await, "abc".to_owned());
    assert_eq!(all(bare(&db, &text, 1)).await, [3]);
    assert_eq!(all(bounded(&db, 2)).await, [2]);
    assert_eq!(all(once(&db, 3_i8)).await, [3]);
    assert_eq!(all(steps(&db, 2)).await, [1, 2]);
}

#[derive(Debug)]
struct Repo {
    base: i64,
    db: Db<Sqlite>,
}

impl Repo {
    #[db_op(read_only, db = self.db)]
    fn own(&self, conn: &mut Conn<'_, Sqlite>, text: &str) -> impl Stream<Item = Item> + '_ {
        echo(conn, self.base + text.parse::<i64>().unwrap_or(0))
    }

    #[db_op(read_only)]
    fn exclusive(&mut self, conn: &mut Conn<'_, Sqlite>) -> BoxStream<'_, Item> {
        self.base += 1;
        echo(conn, self.base)
    }
}

#[tokio::test]
async fn methods() {
    let db = open().await;
    let mut repo = Repo { base: 1, db };
    assert_eq!(all(repo.own("2")).await, [3]);
    let db = repo.db.clone();
    assert_eq!(all(repo.exclusive(&db)).await, [2]);
}
