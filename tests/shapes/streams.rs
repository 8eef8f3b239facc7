//! Functions that return streams, in every form of signature.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use dbop::{Conn, Db, Scope, Tx, db_op, transactional};
use futures_util::stream::{self, BoxStream, LocalBoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use sqlx::{Executor, Sqlite, SqliteConnection, SqlitePool};

use crate::common::{Answer, AppError, Flaky, echo, note, open};

/// Returns the numbers from 1 to `last`.
fn up_to<'e>(
    executor: impl Executor<'e, Database = Sqlite> + 'e,
    last: i64,
) -> BoxStream<'e, Answer> {
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                   SELECT i FROM n";
    let numbers = sqlx::query_scalar(numbers).bind(last).fetch(executor);
    numbers
        .map_err(|error| AppError::Database(error.into()))
        .boxed()
}

async fn all<T, E: std::fmt::Debug>(stream: impl Stream<Item = Result<T, E>>) -> Vec<T> {
    stream.try_collect().await.unwrap()
}

#[tokio::test]
async fn boxes() {
    #[db_op(read_only)]
    fn alias(conn: &mut Conn<'_, Sqlite>, n: i64) -> BoxStream<'_, Result<i64, dbop::Error>> {
        sqlx::query_scalar("SELECT $1")
            .bind(n)
            .fetch(&mut *conn)
            .map_err(Into::into)
            .boxed()
    }
    #[db_op(read_only)]
    fn pinned(
        conn: &mut Conn<'_, Sqlite>,
        last: i64,
    ) -> Pin<Box<dyn Stream<Item = Answer> + Send + '_>> {
        Box::pin(up_to(conn, last).map_ok(|n| n + 1))
    }
    #[db_op(read_only)]
    fn boxed(
        conn: &mut Conn<'_, Sqlite>,
        last: i64,
    ) -> Box<dyn Stream<Item = Answer> + Send + Unpin + '_> {
        Box::new(up_to(conn, last))
    }
    let db = open().await;
    assert_eq!(all(alias(&db, 5)).await, [5]);
    assert_eq!(all(pinned(&db, 2)).await, [2, 3]);
    assert_eq!(all(boxed(&db, 2)).await, [1, 2]);
}

#[tokio::test]
async fn opaque_streams() {
    #[db_op(read_only)]
    fn bare(conn: &mut Conn<'_, Sqlite>, last: i64) -> impl Stream<Item = Answer> {
        up_to(&mut *conn, last).map_ok(|n| n * 2)
    }
    #[db_op(read_only)]
    fn bounded(conn: &mut Conn<'_, Sqlite>, last: i64) -> impl Stream<Item = Answer> + Send + '_ {
        up_to(&mut *conn, last)
    }
    #[db_op(read_only)]
    fn captures<'c, T: Into<i64> + Clone>(
        conn: &'c mut Conn<'_, Sqlite>,
        last: T,
    ) -> impl Stream<Item = Answer> + use<'c, T> {
        up_to(&mut *conn, last.into())
    }
    let db = open().await;
    assert_eq!(all(bare(&db, 3)).await, [2, 4, 6]);
    assert_eq!(all(bounded(&db, 3)).await, [1, 2, 3]);
    assert_eq!(all(captures(&db, 2)).await, [1, 2]);
    // The stream is `Unpin`, as sqlx's are.
    assert_eq!(bare(&db, 3).next().await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn borrowed_arguments() {
    #[db_op(read_only)]
    fn elided(
        conn: &mut Conn<'_, Sqlite>,
        text: &str,
        lists: &[&str],
    ) -> BoxStream<'_, Answer<String>> {
        let text = format!("{text}{}", lists.concat());
        up_to(conn, 1).map_ok(move |n| format!("{text}{n}")).boxed()
    }
    #[db_op(read_only)]
    fn named<'c>(conn: &'c mut SqliteConnection, text: &'c str) -> BoxStream<'c, Answer<&'c str>> {
        up_to(conn, 1).map_ok(move |_| text).boxed()
    }
    #[db_op(read_only)]
    fn opaque(conn: &mut Conn<'_, Sqlite>, text: &str) -> impl Stream<Item = Answer<String>> {
        let text = text.to_owned();
        up_to(conn, 1).map_ok(move |n| format!("{text}{n}"))
    }
    #[db_op(read_only)]
    fn of_two<'a, 'b>(
        conn: &mut Conn<'_, Sqlite>,
        a: &'a str,
        b: &'b str,
    ) -> impl Stream<Item = Answer<(&'a str, &'b str)>> {
        up_to(conn, 1).map_ok(move |_| (a, b))
    }
    let (db, text) = (open().await, "a".to_owned());
    assert_eq!(all(elided(&db, &text, &["b", "c"])).await, ["abc1"]);
    assert_eq!(all(named(&mut &db, &text)).await, ["a"]);
    assert_eq!(all(opaque(&db, &text)).await, ["a1"]);
    assert_eq!(all(of_two(&db, &text, "b")).await, [("a", "b")]);
}

#[tokio::test]
async fn arguments() {
    #[derive(Debug)]
    struct NotClone(Box<i64>);

    #[db_op(read_only)]
    fn patterns(
        conn: &mut Conn<'_, Sqlite>,
        (mut a, b): (i64, String),
        [c, ..]: [i64; 2],
        _: &str,
        flaky: &Flaky,
    ) -> BoxStream<'_, Answer<String>> {
        if let Err(error) = flaky.pass() {
            return stream::once(async { Err(error) }).boxed();
        }
        a += c;
        up_to(conn, a).map_ok(move |n| format!("{n}{b}")).boxed()
    }
    #[db_op(read_only)]
    fn generics<T: Into<i64> + Copy + Send, const N: usize>(
        conn: &mut Conn<'_, Sqlite>,
        items: [T; N],
        keep: impl Fn(&i64) -> bool + Clone + Send,
    ) -> BoxStream<'_, Answer> {
        let last = items.iter().map(|&item| item.into()).sum();
        up_to(conn, last)
            .try_filter(move |n| std::future::ready(keep(n)))
            .boxed()
    }
    #[db_op(read_only, retry = never)]
    fn moved(conn: &mut Conn<'_, Sqlite>, last: NotClone) -> impl Stream<Item = Answer> + '_ {
        let NotClone(last) = last;
        up_to(conn, *last).map_ok(move |n| n + *last)
    }
    let (db, flaky) = (open().await, Flaky::default());
    let found = patterns(&db, (1, "n".to_owned()), [1, 9], "", &flaky);
    assert_eq!(all(found).await, ["1n", "2n"]);
    assert_eq!(flaky.attempts(), 2);
    assert_eq!(all(generics(&db, [1_u8, 3], |n| n % 2 == 0)).await, [2, 4]);
    assert_eq!(all(moved(&db, NotClone(Box::new(2)))).await, [3, 4]);
}

#[derive(Debug, Clone)]
struct Repo {
    base: i64,
    db: Db<Sqlite>,
}

impl Repo {
    #[db_op(read_only, db = self.db)]
    fn own(&self, conn: &mut Conn<'_, Sqlite>, text: &str) -> BoxStream<'_, Answer<String>> {
        let text = text.to_owned();
        up_to(conn, self.base)
            .map_ok(move |n| format!("{text}{n}{}", self.base))
            .boxed()
    }

    #[db_op(read_only)]
    fn with_session(&self, conn: &mut Conn<'_, Sqlite>) -> impl Stream<Item = Answer> + Send + '_ {
        up_to(conn, self.base).map_ok(|n| n + self.base)
    }

    #[db_op(read_only)]
    fn exclusive(&mut self, conn: &mut Conn<'_, Sqlite>, flaky: &Flaky) -> BoxStream<'_, Answer> {
        self.base += 1;
        if let Err(error) = flaky.pass() {
            return stream::once(async { Err(error) }).boxed();
        }
        up_to(conn, self.base).boxed()
    }

    #[db_op(read_only, db = self.db, retry = never)]
    fn shared(self: Arc<Self>, conn: &mut Conn<'_, Sqlite>) -> BoxStream<'static, Answer> {
        up_to(conn, self.base)
    }

    #[db_op(read_only, db = db, retry = never)]
    fn of_handle(
        conn: &mut Conn<'_, Sqlite>,
        db: Db<Sqlite>,
        last: i64,
    ) -> Pin<Box<dyn Stream<Item = Answer> + Send>> {
        up_to(conn, last)
    }

    #[db_op(read_only)]
    fn pool(&self) -> impl Stream<Item = Answer> + '_ {
        up_to(self.db.pool(), self.base)
    }
}

#[tokio::test]
async fn receivers() {
    let db = open().await;
    let mut repo = Repo { base: 1, db };
    assert_eq!(all(repo.own("a")).await, ["a11"]);
    assert_eq!(all(repo.with_session(&repo.db)).await, [2]);
    assert_eq!(all(repo.pool()).await, [1]);
    let db = repo.db.clone();
    assert_eq!(all(Repo::of_handle(db.clone(), 1)).await, [1]);
    assert_eq!(all(repo.exclusive(&db, &Flaky::default())).await, [1, 2, 3]);
    assert_eq!(all(Arc::new(repo).shared()).await, [1, 2, 3]);
}

trait Numbers {
    fn numbers<'s>(&'s self, db: &'s Db<Sqlite>) -> BoxStream<'s, Answer>;
    fn on<'s>(&'s self, conn: impl Scope<Sqlite> + 's) -> BoxStream<'s, Answer>;
}

impl Numbers for i64 {
    #[db_op(read_only, allow(no_session))]
    fn numbers<'s>(&'s self, db: &'s Db<Sqlite>) -> BoxStream<'s, Answer> {
        up_to(db.pool(), *self)
    }

    #[db_op(read_only)]
    fn on<'s>(&'s self, conn: &'s mut Conn<'_, Sqlite>) -> BoxStream<'s, Answer> {
        up_to(conn, *self)
    }
}

#[tokio::test]
async fn methods_of_traits() {
    let db = open().await;
    assert_eq!(all(2_i64.numbers(&db)).await, [1, 2]);
    assert_eq!(all(2_i64.on(&db)).await, [1, 2]);
}

#[db_op(read_only)]
fn numbers(conn: &mut Conn<'_, Sqlite>, last: i64) -> BoxStream<'_, Answer> {
    up_to(conn, last)
}

#[db_op(read_only)]
fn on_connection(
    conn: &mut SqliteConnection,
    last: i64,
) -> impl Stream<Item = Result<i64, sqlx::Error>> {
    let numbers = "SELECT $1 UNION ALL SELECT $1 + 1";
    sqlx::query_scalar(numbers).bind(last).fetch(conn)
}

#[tokio::test]
async fn callers() {
    #[transactional]
    async fn joins(tx: &mut Tx<'_, Sqlite>) -> Answer<Vec<i64>> {
        note(&mut *tx, "before").await?;
        let mut found: Vec<_> = numbers(&mut *tx, 2).try_collect().await?;
        let mut half = on_connection(&mut *tx, 7);
        found.extend(half.try_next().await?);
        drop(half);
        note(&mut *tx, "after").await?;
        Ok(found)
    }
    #[db_op(read_only)]
    async fn reads(conn: &mut Conn<'_, Sqlite>) -> Answer<Vec<i64>> {
        numbers(&mut *conn, 2).try_collect().await
    }
    let db = open().await;
    assert_eq!(joins(&db).await.unwrap(), [1, 2, 7]);
    assert_eq!(crate::common::notes(&db).await, 2);
    assert_eq!(reads(&db).await.unwrap(), [1, 2]);
    assert_eq!(all(numbers(db.pool(), 2)).await, [1, 2]);
    let mut conn = db.pool().acquire().await.unwrap();
    assert_eq!(all(numbers(&mut *conn, 2)).await, [1, 2]);
    assert_eq!(all(on_connection(&mut *conn, 2)).await, [2, 3]);
}

#[tokio::test]
async fn streams_in_a_task() {
    #[db_op(read_only)]
    fn opaque(conn: &mut Conn<'_, Sqlite>, text: &str) -> impl Stream<Item = Answer<String>> {
        let text = text.to_owned();
        up_to(conn, 2).map_ok(move |n| format!("{text}{n}"))
    }
    let task = tokio::spawn(async {
        let db = open().await;
        let (a, b) = (all(numbers(&db, 2)).await, all(opaque(&db, "a")).await);
        (a, b)
    });
    let (a, b) = task.await.unwrap();
    assert_eq!((a, b), (vec![1, 2], vec!["a1".to_owned(), "a2".to_owned()]));
}

#[tokio::test]
async fn streams_that_are_not_send() {
    #[db_op(read_only)]
    fn local(conn: &mut Conn<'_, Sqlite>, n: Rc<i64>) -> LocalBoxStream<'_, Answer<Rc<i64>>> {
        up_to(conn, *n).map_ok(Rc::new).boxed_local()
    }
    let found = all(local(&open().await, Rc::new(2))).await;
    assert_eq!(found, [Rc::new(1), Rc::new(2)]);
}

#[tokio::test]
async fn without_a_session() {
    #[db_op(read_only, allow(no_session))]
    fn pool(pool: &SqlitePool, last: i64) -> BoxStream<'_, Answer> {
        up_to(pool, last)
    }
    #[db_op(read_only, timeout = "10s", allow(no_session))]
    fn owned(pool: SqlitePool, flaky: Arc<Flaky>) -> BoxStream<'static, Answer> {
        stream::once(async move {
            flaky.pass()?;
            Ok(echo(&pool, 1).await?)
        })
        .boxed()
    }
    let (db, flaky) = (open().await, Arc::new(Flaky::default()));
    assert_eq!(all(pool(db.pool(), 2)).await, [1, 2]);
    let found = owned(db.pool().clone(), Arc::clone(&flaky));
    assert_eq!(all(found).await, [1]);
    assert_eq!(flaky.attempts(), 2);
}

#[tokio::test]
async fn a_body_of_several_statements() {
    #[db_op(read_only)]
    fn pages(conn: &mut Conn<'_, Sqlite>, last: i64) -> impl Stream<Item = Answer> + Send + '_ {
        stream::try_unfold((conn, 0), move |(conn, n)| async move {
            if n == last {
                return Ok(None);
            }
            let next = echo(&mut *conn, n + 1).await?;
            Ok(Some((next, (conn, next))))
        })
    }
    assert_eq!(all(pages(&open().await, 3)).await, [1, 2, 3]);
}

#[tokio::test]
async fn functions_that_a_macro_writes() {
    macro_rules! reader {
        ($name:ident, $item:ty, $stream:ty) => {
            #[db_op(read_only, name = "macros.reader")]
            fn $name(conn: &mut Conn<'_, Sqlite>, last: $item) -> $stream {
                up_to(conn, last)
            }
        };
    }
    reader!(read, i64, BoxStream<'_, Answer>);
    assert_eq!(all(read(&open().await, 2)).await, [1, 2]);
}
