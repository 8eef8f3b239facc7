//! Names: the user's names do not collide with those of the expansion, whatever they are.

use dbop::{db_op, transactional};
use rusqlite::Connection;

use super::{Answer, Flaky, echo, open};

/// A module in which no name means what it means elsewhere.
mod shadowed {
    #![allow(dead_code, unused_imports, non_camel_case_types)]
    #![allow(clippy::trivially_copy_pass_by_ref)]

    use dbop::{db_op, transactional};
    use rusqlite::Connection;

    pub(super) struct Result;
    pub(super) struct Option;
    pub(super) struct String;
    pub(super) struct Vec;
    pub(super) struct Box;
    pub(super) struct BlockingDb;
    pub(super) struct str;
    pub(super) enum Outcome {
        Ok,
        Err,
        Some,
        None,
    }
    pub(super) use Outcome::{Err, None, Ok, Some};
    pub(super) trait Send {}
    pub(super) trait Clone {}
    pub(super) trait Copy {}
    pub(super) trait Manager {}
    pub(super) trait From {}
    pub(super) trait Future {}
    pub(super) mod dbop_of_nobody {}
    pub(super) mod std {}
    pub(super) mod core {}

    type Answer = ::rusqlite::Result<i64>;

    #[transactional]
    pub(super) fn f(conn: &mut Connection, n: &i64, m: ::std::option::Option<&i64>) -> Answer {
        let m = m.copied().unwrap_or_default();
        super::echo(conn, *n + m)
    }

    #[db_op(read_only)]
    pub(super) fn g(text: &::std::primitive::str, many: &[&i64]) -> ::dbop::Result<usize> {
        ::std::result::Result::Ok(text.len() + many.len())
    }
}

#[tokio::test]
async fn shadowed_names() {
    let db = open().await;
    assert_eq!(
        shadowed::f(&db, &1, ::std::option::Option::Some(&2))
            .await
            .unwrap(),
        3
    );
    assert_eq!(shadowed::g("ab", &[&1]).await.unwrap(), 3);
}

#[tokio::test]
async fn names_of_the_expansion() {
    #[transactional]
    fn f(
        __conn: &mut Connection,
        __call: i64,
        __attempt: &str,
        __kept_x: Vec<i64>,
        __this_x: i64,
        x: i64,
        (_y, __z): (i64, i64),
    ) -> Answer {
        const __DBOP_OP: i64 = 1;
        let __body = __call + __this_x + x + __DBOP_OP;
        let __result = __kept_x.len() + __attempt.len();
        Ok(echo(
            __conn,
            __body + i64::try_from(__result).unwrap() + __z,
        )?)
    }
    let found = f(&open().await, 1, "a", vec![1], 1, 1, (0, 1)).await;
    assert_eq!(found.unwrap(), 7);
}

#[tokio::test]
async fn an_argument_named_like_the_function_beside() {
    #[db_op]
    fn load(conn: &mut Connection, load_sync: bool, load: i64) -> Answer {
        Ok(echo(conn, load + i64::from(load_sync))?)
    }
    assert_eq!(load(&open().await, true, 1).await.unwrap(), 2);
}

#[tokio::test]
async fn a_function_that_is_named_like_one_beside() {
    #[db_op]
    fn load_sync(conn: &mut Connection, n: i64) -> Answer {
        Ok(echo(conn, n)?)
    }
    let db = open().await;
    assert_eq!(load_sync(&db, 1).await.unwrap(), 1);
    let mut conn = Connection::open_in_memory().unwrap();
    assert_eq!(load_sync_sync(&mut conn, 1).unwrap(), 1);
}

#[tokio::test]
async fn operations_that_call_each_other_and_themselves() {
    #[transactional]
    fn even(conn: &mut Connection, n: i64) -> Answer<bool> {
        match echo(conn, n)? {
            0 => Ok(true),
            n => odd_sync(conn, n - 1),
        }
    }
    #[transactional]
    fn odd(conn: &mut Connection, n: i64) -> Answer<bool> {
        match echo(conn, n)? {
            0 => Ok(false),
            n => even_sync(conn, n - 1),
        }
    }
    #[db_op(read_only)]
    fn sum(conn: &Connection, n: i64) -> Answer {
        if n == 0 {
            return Ok(0);
        }
        Ok(echo(conn, n)? + sum_sync(conn, n - 1)?)
    }
    let db = open().await;
    assert!(even(&db, 4).await.unwrap());
    assert!(!odd(&db, 4).await.unwrap());
    assert_eq!(sum(&db, 4).await.unwrap(), 10);
}

/// Passes every part of the function through the macro.
macro_rules! with_body {
    ($name:ident, $conn:ident, $C:ty, [$($arg:tt)*], $R:ty, $body:block) => {
        #[db_op]
        fn $name($conn: $C, $($arg)*) -> $R $body
    };
}

#[tokio::test]
async fn functions_made_by_macro_rules() {
    with_body!(of_parts, conn, &mut Connection, [a: Option<&str>, n: &i64], Answer, {
        Ok(echo(conn, *n + i64::from(a.is_some()))?)
    });
    macro_rules! by_macro {
        ($name:ident, $T:ty, $body:expr) => {
            #[transactional]
            fn $name(conn: &mut Connection, n: $T, flaky: &Flaky) -> Answer {
                flaky.pass()?;
                let own = 1;
                let f: fn(&Connection, i64) -> rusqlite::Result<i64> = $body;
                Ok(f(conn, *n)? + own)
            }
        };
    }
    by_macro!(by_parts, &i64, echo);
    let db = open().await;
    assert_eq!(of_parts(&db, Some(""), &1).await.unwrap(), 2);
    assert_eq!(by_parts(&db, &1, &Flaky::default()).await.unwrap(), 2);
    let mut conn = Connection::open_in_memory().unwrap();
    assert_eq!(of_parts_sync(&mut conn, None, &1).unwrap(), 1);
}
