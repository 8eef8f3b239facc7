//! Lifetimes: named, elided, bounded, and those that end with the session.

use std::borrow::Cow;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, Flaky, echo, open};

#[tokio::test]
async fn a_named_argument() {
    #[transactional]
    async fn f<'a>(tx: &mut Tx<'_, Sqlite>, text: &'a str, flaky: &Flaky) -> Answer<&'a str> {
        flaky.pass()?;
        echo(&mut *tx, 1).await?;
        Ok(&text[1..])
    }
    assert_eq!(
        f(&open().await, "abc", &Flaky::default()).await.unwrap(),
        "bc"
    );
}

#[tokio::test]
async fn a_result_that_outlives_the_database() {
    #[transactional]
    async fn f<'a>(tx: &mut Tx<'_, Sqlite>, text: &'a str) -> Answer<&'a str> {
        echo(&mut *tx, 1).await?;
        Ok(text)
    }
    let text = "abc".to_owned();
    let kept = {
        let db = open().await;
        f(&db, &text).await.unwrap()
    };
    assert_eq!(kept, "abc");
}

#[tokio::test]
async fn a_lifetime_of_the_session_alone() {
    #[transactional]
    async fn f<'t>(tx: &'t mut Tx<'_, Sqlite>, n: i64) -> Answer {
        Ok(echo(&mut *tx, n).await?)
    }
    assert_eq!(f(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn both_lifetimes_of_the_session_with_bounds() {
    #[transactional]
    async fn f<'t, 'c: 't, 'a>(tx: &'t mut Tx<'c, Sqlite>, text: &'a str) -> Answer<&'a str>
    where
        'c: 't,
    {
        echo(&mut *tx, 1).await?;
        Ok(text)
    }
    assert_eq!(f(&open().await, "abc").await.unwrap(), "abc");
}

#[tokio::test]
async fn a_lifetime_shared_by_session_and_argument() {
    #[transactional]
    async fn f<'a>(tx: &'a mut Tx<'_, Sqlite>, text: &'a str) -> Answer<usize> {
        echo(&mut *tx, 1).await?;
        Ok(text.len())
    }
    assert_eq!(f(&open().await, "abc").await.unwrap(), 3);
}

#[tokio::test]
async fn a_session_lifetime_that_the_body_names() {
    #[transactional]
    async fn f<'t>(tx: &'t mut Tx<'_, Sqlite>, n: i64) -> Answer {
        fn same<'t>(n: &'t i64) -> &'t i64 {
            n
        }
        let again: &mut Tx<'_, Sqlite> = tx;
        Ok(echo(again, *same(&n)).await?)
    }
    assert_eq!(f(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn bounds_between_lifetimes() {
    #[transactional]
    async fn f<'a, 'b: 'a>(
        tx: &mut Tx<'_, Sqlite>,
        first: &'a str,
        second: &'b str,
    ) -> Answer<&'a str> {
        let n = echo(&mut *tx, 1).await?;
        Ok(if n == 1 { second } else { first })
    }
    assert_eq!(f(&open().await, "a", "b").await.unwrap(), "b");
}

#[tokio::test]
async fn bounds_in_a_where_clause() {
    #[transactional]
    async fn f<'a, 'b, T>(tx: &mut Tx<'_, Sqlite>, first: &'a T, second: &'b T) -> Answer<&'a T>
    where
        'b: 'a,
        T: 'b + PartialEq + Sync,
    {
        echo(&mut *tx, 1).await?;
        Ok(if first == second { first } else { second })
    }
    assert_eq!(f(&open().await, &1, &2).await.unwrap(), &2);
}

#[tokio::test]
async fn static_arguments() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: &'static str) -> Answer<&'static str> {
        echo(&mut *tx, 1).await?;
        Ok(text)
    }
    assert_eq!(f(&open().await, "abc").await.unwrap(), "abc");
}

#[tokio::test]
async fn a_cow_that_borrows() {
    #[transactional]
    async fn f<'a>(tx: &mut Tx<'_, Sqlite>, text: Cow<'a, str>) -> Answer<Cow<'a, str>> {
        let n = echo(&mut *tx, 1).await?;
        Ok(if n == 1 { text } else { Cow::from("?") })
    }
    let found = f(&open().await, Cow::from("abc")).await.unwrap();
    assert!(matches!(found, Cow::Borrowed("abc")));
}

#[derive(Clone, Copy, Debug)]
struct View<'v> {
    text: &'v str,
}

impl<'v> View<'v> {
    #[transactional]
    async fn text(&self, tx: &mut Tx<'_, Sqlite>) -> Answer<&'v str> {
        echo(&mut *tx, 1).await?;
        Ok(self.text)
    }

    #[db_op(allow(no_session))]
    async fn joined<'o>(
        self,
        pool: &sqlx::SqlitePool,
        other: &'o str,
    ) -> Answer<(&'v str, &'o str)> {
        echo(pool, 1).await?;
        Ok((self.text, other))
    }
}

#[tokio::test]
async fn a_type_with_a_lifetime() {
    let text = "abc".to_owned();
    let found = {
        let view = View { text: &text };
        view.text(&open().await).await.unwrap()
    };
    assert_eq!(found, "abc");
    let db = open().await;
    let found = View { text: &text }.joined(db.pool(), "d").await.unwrap();
    assert_eq!(found, ("abc", "d"));
}

#[tokio::test]
async fn an_argument_with_an_elided_lifetime_inside() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, view: View<'_>, flaky: &Flaky) -> Answer<usize> {
        flaky.pass()?;
        echo(&mut *tx, 1).await?;
        Ok(view.text.len())
    }
    let text = "abc".to_owned();
    let found = f(&open().await, View { text: &text }, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[tokio::test]
async fn references_of_references() {
    #[transactional]
    async fn f<'a>(tx: &mut Tx<'_, Sqlite>, list: &[&'a str]) -> Answer<Option<&'a str>> {
        echo(&mut *tx, 1).await?;
        Ok(list.first().copied())
    }
    let text = "abc".to_owned();
    let found = f(&open().await, &[&text]).await.unwrap();
    assert_eq!(found, Some("abc"));
}

#[tokio::test]
async fn trait_objects_with_a_lifetime() {
    #[transactional]
    async fn f<'a>(tx: &mut Tx<'_, Sqlite>, make: &'a (dyn Fn(i64) -> i64 + Sync + 'a)) -> Answer {
        Ok(make(echo(&mut *tx, 1).await?))
    }
    let two = 2;
    assert_eq!(f(&open().await, &|n| n + two).await.unwrap(), 3);
}

#[tokio::test]
async fn a_mutable_reference_that_is_returned() {
    #[db_op(retry = never)]
    async fn f<'a>(conn: &mut Conn<'_, Sqlite>, list: &'a mut Vec<i64>) -> Answer<&'a mut i64> {
        let n = echo(&mut *conn, 1).await?;
        list.push(n);
        Ok(list.last_mut().unwrap())
    }
    let mut list = Vec::new();
    *f(&open().await, &mut list).await.unwrap() += 1;
    assert_eq!(list, [2]);
}

#[tokio::test]
async fn statements_that_borrow_locals_and_arguments() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: &str) -> Answer<String> {
        let local = format!("{text}!");
        let query = sqlx::query_scalar("SELECT $1 || $2");
        Ok(query.bind(&local).bind(text).fetch_one(&mut *tx).await?)
    }
    assert_eq!(f(&open().await, "a").await.unwrap(), "a!a");
}
