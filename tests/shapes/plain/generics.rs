//! Types, constants and lifetimes that callers choose.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::Arc;

use dbop::blocking::SyncConnection;
use dbop::{db_op, transactional};
use rusqlite::{Connection, ToSql};

use super::{Answer, Flaky, echo, open};

#[transactional]
fn in_the_body_only<T, const N: usize>(conn: &mut Connection, text: &str) -> Answer<i64>
where
    T: FromStr<Err: Debug> + Into<i64>,
{
    let parsed: T = text.parse().unwrap();
    Ok(echo(conn, parsed.into())? + i64::try_from(N).unwrap())
}

#[transactional]
fn in_arguments<'a, T, const N: usize>(
    conn: &mut Connection,
    array: [T; N],
    each: &'a [T],
    maybe: Option<&'a T>,
    refs: &'a [&'a T],
    flaky: &Flaky,
) -> Answer<String>
where
    T: Clone + Send + Display + ToSql + 'static,
{
    flaky.pass()?;
    let one: String = conn.query_row("SELECT ?1", [&array[0]], |row| row.get(0))?;
    Ok(format!(
        "{one}{N}{}{}{}",
        each[0],
        maybe.map(ToString::to_string).unwrap_or_default(),
        refs.len()
    ))
}

#[tokio::test]
async fn type_and_const_parameters() {
    let db = open().await;
    let found = in_the_body_only::<i32, 3>(&db, "4").await.unwrap();
    assert_eq!(found, 7);
    let mut conn = Connection::open_in_memory().unwrap();
    let found = in_the_body_only_sync::<i32, 3>(&mut conn, "4").unwrap();
    assert_eq!(found, 7);
    let (a, flaky) = ("a".to_owned(), Flaky::default());
    let (array, each) = (["x".to_owned()], ["y".to_owned()]);
    let found = in_arguments(&db, array, &each, Some(&a), &[&a], &flaky).await;
    assert_eq!(found.unwrap(), "x1ya1");
}

#[tokio::test]
async fn arguments_of_some_type() {
    #[transactional]
    fn f<T: Display + Clone + Send + 'static>(
        conn: &mut Connection,
        owned: impl Into<i64> + Clone + Send + 'static,
        lent: &(impl Display + Clone + Send + 'static),
        maybe: Option<&(impl Display + Clone + Send + 'static)>,
        many: &[impl Display + Clone + Send + 'static],
        named: T,
    ) -> Answer<String> {
        let n = echo(conn, owned.into())?;
        let maybe = maybe.map(ToString::to_string).unwrap_or_default();
        Ok(format!("{n}{lent}{maybe}{}{named}", many[0]))
    }
    let db = open().await;
    let found = f(&db, 1_i32, &"b", Some(&'c'), &[4], "e").await;
    assert_eq!(found.unwrap(), "1bc4e");
}

#[tokio::test]
async fn references_to_some_type() {
    #[db_op]
    fn f(conn: &mut Connection, many: &[&(impl Display + Clone + Send + 'static)]) -> Answer {
        let n = i64::try_from(many[0].to_string().len()).unwrap();
        Ok(echo(conn, n)?)
    }
    assert_eq!(f(&open().await, &[&"abc"]).await.unwrap(), 3);
}

#[tokio::test]
async fn lifetimes_by_name() {
    #[transactional]
    fn tied<'a>(conn: &'a mut Connection, text: &'a str, other: &'a str) -> Answer {
        let longer: &'a str = if text.len() > 2 { text } else { other };
        Ok(echo(conn, i64::try_from(longer.len()).unwrap())?)
    }
    #[db_op]
    fn of_the_connection<'c>(conn: &'c mut Connection, n: i64) -> Answer {
        let again: &'c Connection = conn;
        Ok(echo(again, n)?)
    }
    #[db_op]
    fn outlives<'a, 'b: 'a, T: Clone + Send + 'static>(
        conn: &mut Connection,
        one: &'a T,
        other: &'b T,
        pick: fn(&'static str),
    ) -> Answer {
        pick("");
        let either: [&'a T; 2] = [one, other];
        Ok(echo(conn, i64::try_from(either.len()).unwrap())?)
    }
    let db = open().await;
    let text = String::from("abc");
    assert_eq!(tied(&db, &text, "").await.unwrap(), 3);
    assert_eq!(of_the_connection(&db, 4).await.unwrap(), 4);
    assert_eq!(outlives(&db, &1, &2, |_| ()).await.unwrap(), 2);
}

/// The connection may be of any driver.
#[tokio::test]
async fn a_connection_of_some_type() {
    trait Read {
        fn read(&self, n: i64) -> rusqlite::Result<i64>;
    }
    impl Read for Connection {
        fn read(&self, n: i64) -> rusqlite::Result<i64> {
            echo(self, n)
        }
    }
    #[transactional]
    fn by_name<C: SyncConnection + Read>(conn: &mut C, n: i64) -> Answer {
        Ok(conn.read(n)?)
    }
    #[transactional]
    fn by_trait(conn: &mut (impl SyncConnection + Read), n: i64) -> Answer {
        Ok(conn.read(n)?)
    }
    let db = open().await;
    assert_eq!(by_name(&db, 1).await.unwrap(), 1);
    assert_eq!(by_trait(&db, 1).await.unwrap(), 1);
}

struct Repo<T, const N: usize> {
    value: Arc<T>,
}

impl<T, const N: usize> Clone for Repo<T, N> {
    fn clone(&self) -> Self {
        Repo {
            value: Arc::clone(&self.value),
        }
    }
}

impl<T: Display + Send + Sync + 'static, const N: usize> Repo<T, N> {
    #[transactional]
    fn method<U: From<i64> + Into<i64>>(&self, conn: &mut Connection) -> Answer<String> {
        let n: i64 = U::from(3).into();
        Ok(format!("{}{N}{}", self.value, echo(conn, n)?))
    }

    #[db_op]
    fn associated(conn: &mut Connection, value: Arc<T>) -> Answer<Self> {
        echo(conn, 0)?;
        Ok(Self { value })
    }

    #[db_op(in_impl)]
    fn constant(conn: &mut Connection) -> Answer {
        Ok(echo(conn, i64::try_from(N).unwrap())?)
    }
}

#[tokio::test]
async fn methods_of_generic_types() {
    let db = open().await;
    let repo = Repo::<_, 2>::associated(&db, Arc::new("a")).await.unwrap();
    assert_eq!(repo.method::<i64>(&db).await.unwrap(), "a23");
    assert_eq!(Repo::<u8, 5>::constant(&db).await.unwrap(), 5);
}

#[tokio::test]
async fn results_of_some_type() {
    #[db_op]
    fn f(conn: &mut Connection) -> Answer<impl Iterator<Item = i64> + Send + 'static + use<>> {
        let n = echo(conn, 3)?;
        Ok(0..n)
    }
    #[db_op]
    fn g<T: Clone + Send + 'static>(conn: &mut Connection, value: T) -> Answer<(T, Option<T>)> {
        echo(conn, 3)?;
        Ok((value, None))
    }
    let db = open().await;
    assert_eq!(f(&db).await.unwrap().sum::<i64>(), 3);
    assert_eq!(g(&db, "v").await.unwrap(), ("v", None));
}

/// No value of this type crosses to the blocking pool, so nothing is required of the type.
#[tokio::test]
async fn a_type_that_does_not_cross() {
    trait Table {
        const NAME: &'static str;
    }
    struct Notes<'a>(std::marker::PhantomData<(&'a str, std::rc::Rc<u8>)>);
    impl Table for Notes<'_> {
        const NAME: &'static str = "notes";
    }
    #[db_op]
    fn count<T: Table>(conn: &mut Connection) -> Answer {
        let sql = format!("SELECT count(*) FROM {}", T::NAME);
        Ok(conn.query_row(&sql, [], |row| row.get(0))?)
    }
    async fn borrowed(_: &str) -> i64 {
        count::<Notes<'_>>(&open().await).await.unwrap()
    }
    assert_eq!(borrowed("").await, 0);
}
