//! What callers may pass, and how bodies take arguments apart.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbop::{db_op, transactional};
use rusqlite::Connection;

use super::{Answer, Flaky, echo, open};

fn len(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap()
}

#[tokio::test]
async fn borrowed_arguments() {
    #[transactional]
    #[expect(clippy::ptr_arg, clippy::too_many_arguments)]
    fn f(
        conn: &mut Connection,
        text: &str,
        string: &String,
        path: &Path,
        slice: &[i64],
        vec: &Vec<String>,
        map: &BTreeMap<String, i64>,
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        let n = echo(conn, slice.iter().sum())?;
        Ok(format!(
            "{text}{string}{}{n}{}{}",
            path.display(),
            vec.concat(),
            map["a"]
        ))
    }
    let db = open().await;
    let (path, flaky) = (PathBuf::from("/p"), Flaky::default());
    let map = BTreeMap::from([("a".to_owned(), 7)]);
    let vec = vec!["v".to_owned(), "w".to_owned()];
    let string = "s".to_owned();
    let answer = f(&db, "t", &string, &path, &[1, 2], &vec, &map, &flaky);
    assert_eq!(answer.await.unwrap(), "ts/p3vw7");
    assert_eq!(flaky.attempts(), 2);
}

#[tokio::test]
async fn arguments_that_may_be_missing() {
    #[transactional]
    fn f(
        conn: &mut Connection,
        text: Option<&str>,
        slice: Option<&[i64]>,
        flaky: Option<&Flaky>,
        whole: Option<String>,
        fixed: Option<&'static str>,
        r#final: std::option::Option<&Path>,
    ) -> Answer<String> {
        if let Some(flaky) = flaky {
            flaky.pass()?;
        }
        let n = echo(conn, slice.unwrap_or_default().iter().sum())?;
        Ok(format!("{text:?}{n}{whole:?}{fixed:?}{final:?}"))
    }
    let db = open().await;
    let none = f(&db, None, None, None, None, None, None).await.unwrap();
    assert_eq!(none, "None0NoneNoneNone");
    let flaky = Flaky::default();
    let some = f(
        &db,
        Some("t"),
        Some(&[1, 2]),
        Some(&flaky),
        Some("w".to_owned()),
        Some("f"),
        Some(Path::new("p")),
    );
    assert_eq!(
        some.await.unwrap(),
        r#"Some("t")3Some("w")Some("f")Some("p")"#
    );
    assert_eq!(flaky.attempts(), 2);
}

#[tokio::test]
async fn slices_of_references() {
    #[db_op]
    fn f(
        conn: &mut Connection,
        texts: &[&str],
        flakies: &[&Flaky],
        fixed: &[&'static str],
        pairs: &[(&'static str, i64)],
        of_slices: &[&[i64]],
    ) -> Answer<String> {
        for flaky in flakies {
            flaky.pass()?;
        }
        // The text lives as long as the program, although the slice does not.
        let first: &'static str = fixed[0];
        let sum = of_slices.iter().copied().flatten().sum();
        let n = echo(conn, sum)?;
        Ok(format!("{}{first}{n}{}", texts.concat(), pairs[0].0))
    }
    let db = open().await;
    let passed = Flaky::default();
    passed.pass().unwrap_err();
    let owned = "b".to_owned();
    let (texts, flakies) = (["a", &owned], [&passed, &passed]);
    let answer = f(&db, &texts, &flakies, &["c"], &[("d", 1)], &[&[1], &[2, 3]]);
    assert_eq!(answer.await.unwrap(), "abc6d");
}

#[tokio::test]
async fn arguments_by_value() {
    #[transactional]
    #[expect(clippy::too_many_arguments, reason = "every kind of them")]
    #[expect(clippy::boxed_local, reason = "every kind of them")]
    fn f(
        conn: &mut Connection,
        cow: Cow<'static, str>,
        fixed: &'static str,
        shared: Arc<dyn Fn(i64) -> i64 + Send + Sync>,
        boxed: Box<i64>,
        function: fn(&str) -> i64,
        array: [&'static str; 2],
        tuple: (i64, String),
        flaky: Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        let n = echo(conn, shared(*boxed) + function(&cow))?;
        Ok(format!("{cow}{fixed}{n}{}{}", array.concat(), tuple.1))
    }
    let db = open().await;
    let flaky = Flaky::default();
    let answer = f(
        &db,
        Cow::Borrowed("c"),
        "f",
        Arc::new(|n| n * 2),
        Box::new(4),
        len,
        ["x", "y"],
        (1, "z".to_owned()),
        flaky.clone(),
    );
    assert_eq!(answer.await.unwrap(), "cf9xyz");
    assert_eq!(flaky.attempts(), 2);
}

#[tokio::test]
async fn closures_and_what_takes_borrows_of_any_lifetime() {
    type Cut = Arc<dyn for<'s> Fn(&'s str) -> &'s str + Send + Sync>;
    #[transactional]
    fn f(
        conn: &mut Connection,
        by_value: impl Fn(&str) -> i64 + Clone + Send + 'static,
        named: impl for<'s> Fn(&'s str) -> &'s str + Clone + Send + 'static,
        shared: &Arc<dyn for<'s> Fn(&'s str) -> &'s str + Send + Sync>,
        alias: Cut,
        pointer: for<'s> fn(&'s str) -> &'s str,
        parsed: impl for<'s> TryFrom<&'s str> + Clone + Send + 'static,
    ) -> Answer {
        let _ = parsed;
        let cut = shared(alias(pointer(named("abcdefgh"))));
        Ok(echo(conn, by_value(cut))?)
    }
    fn tail(text: &str) -> &str {
        &text[1..]
    }
    #[derive(Clone)]
    struct Parsed;
    impl From<&str> for Parsed {
        fn from(_: &str) -> Self {
            Parsed
        }
    }
    let db = open().await;
    let shared: Cut = Arc::new(tail);
    let answer = f(&db, len, tail, &shared, Arc::clone(&shared), tail, Parsed);
    assert_eq!(answer.await.unwrap(), 4);
}

#[tokio::test]
async fn what_is_not_clone_where_nothing_is_retried() {
    #[db_op(retry = never)]
    fn f(
        conn: &mut Connection,
        once: impl FnOnce(i64) -> i64 + Send + 'static,
        any: Box<dyn Any + Send>,
        boxed: Box<dyn FnOnce() -> i64 + Send>,
    ) -> Answer {
        let any = *any.downcast::<i64>().unwrap();
        Ok(echo(conn, once(any) + boxed())?)
    }
    #[db_op]
    fn without_connection(any: Box<dyn Any + Send>) -> Answer {
        Ok(*any.downcast::<i64>().unwrap())
    }
    let db = open().await;
    let answer = f(&db, |n| n + 1, Box::new(2_i64), Box::new(|| 4));
    assert_eq!(answer.await.unwrap(), 7);
    assert_eq!(without_connection(Box::new(2_i64)).await.unwrap(), 2);
}

#[derive(Clone)]
struct Point {
    x: i64,
    y: i64,
}

#[tokio::test]
async fn patterns() {
    #[transactional]
    #[expect(clippy::too_many_arguments, reason = "a shape")]
    fn f(
        conn: &mut Connection,
        (mut a, b): (i64, String),
        Point { x, y: z }: Point,
        &Point { x: far, .. }: &Point,
        [first, ..]: [i64; 2],
        mut list: Vec<i64>,
        _: &str,
        _unused: String,
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        a += x + z + far + first;
        list.push(a);
        Ok(format!("{b}{}", echo(conn, list.iter().sum())?))
    }
    let db = open().await;
    let flaky = Flaky::default();
    let answer = f(
        &db,
        (1, "b".to_owned()),
        Point { x: 2, y: 3 },
        &Point { x: 4, y: 0 },
        [5, 0],
        vec![100],
        "",
        String::new(),
        &flaky,
    );
    assert_eq!(answer.await.unwrap(), "b115");
    assert_eq!(flaky.attempts(), 2);
}

#[tokio::test]
async fn arguments_that_exist_under_a_condition() {
    #[db_op]
    fn f(
        conn: &mut Connection,
        #[cfg(test)] on: i64,
        #[cfg(not(test))] off: MissingType,
        #[cfg(not(test))]
        #[cfg(unix)]
        both: &str,
        #[cfg(test)]
        #[cfg(not(any()))]
        also: &str,
        last: i64,
    ) -> Answer {
        let n = on + last + len(also);
        Ok(echo(conn, n)?)
    }
    assert_eq!(f(&open().await, 1, "ab", 4).await.unwrap(), 7);
}

#[tokio::test]
async fn lints_on_parameters() {
    #[db_op]
    fn f(
        conn: &mut Connection,
        #[allow(unused_variables)] spare: i64,
        #[expect(unused_variables, reason = "a shape")] other: &str,
        #[allow(unused_mut)] mut n: i64,
    ) -> Answer {
        Ok(echo(conn, n)?)
    }
    assert_eq!(f(&open().await, 1, "", 2).await.unwrap(), 2);
}

#[tokio::test]
async fn raw_identifiers() {
    #[transactional]
    fn r#match(r#type: &mut Connection, r#in: i64, r#fn: &str) -> Answer {
        let _ = r#fn;
        Ok(echo(r#type, r#in)?)
    }
    let db = open().await;
    assert_eq!(r#match(&db, 3, "").await.unwrap(), 3);
    let mut conn = Connection::open_in_memory().unwrap();
    assert_eq!(match_sync(&mut conn, 3, "").unwrap(), 3);
}

#[tokio::test]
async fn names_of_the_connection() {
    #[db_op]
    fn unread(_conn: &mut Connection, n: i64) -> Answer {
        Ok(n)
    }
    #[db_op]
    fn unnamed(_: &mut Connection, n: i64) -> Answer {
        Ok(n)
    }
    #[db_op]
    fn mutable(mut conn: &mut Connection, n: i64) -> Answer {
        let again = &conn;
        let n = echo(again, n)?;
        conn = &mut *conn;
        Ok(echo(conn, n)?)
    }
    #[db_op]
    fn shared(__conn: &Connection, n: i64) -> Answer {
        Ok(echo(__conn, n)?)
    }
    #[db_op]
    fn elsewhere(n: i64, #[session] conn: &mut Connection, m: &str) -> Answer {
        Ok(echo(conn, n + len(m))?)
    }
    #[db_op]
    fn hidden(n: i64, #[dbop::session] conn: &Handle) -> Answer {
        Ok(echo(conn, n)?)
    }
    #[db_op]
    fn named_like_ours(conn: &mut Conn, n: i64) -> Answer {
        Ok(echo(conn, n)?)
    }
    type Handle = Connection;
    type Conn = Connection;
    let db = open().await;
    assert_eq!(unread(&db, 1).await.unwrap(), 1);
    assert_eq!(unnamed(&db, 2).await.unwrap(), 2);
    assert_eq!(mutable(&db, 3).await.unwrap(), 3);
    assert_eq!(shared(&db, 4).await.unwrap(), 4);
    assert_eq!(elsewhere(3, &db, "ab").await.unwrap(), 5);
    assert_eq!(hidden(6, &db).await.unwrap(), 6);
    assert_eq!(named_like_ours(&db, 7).await.unwrap(), 7);
}
