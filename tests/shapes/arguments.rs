//! Patterns and types of arguments. Each function makes two attempts, so every argument is handed
//! out twice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, Flaky, echo, open};

#[derive(Clone, Debug)]
struct Point {
    x: i64,
    y: i64,
    label: Label,
}

#[derive(Clone, Debug)]
struct Label(String, i64);

fn point() -> Point {
    Point {
        x: 1,
        y: 2,
        label: Label("four".to_owned(), 5),
    }
}

#[tokio::test]
async fn a_tuple() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, (a, b): (i64, String), flaky: &Flaky) -> Answer<String> {
        flaky.pass()?;
        let n = echo(&mut *tx, a).await?;
        Ok(b + &n.to_string())
    }
    let found = f(&open().await, (4, "n".to_owned()), &Flaky::default()).await;
    assert_eq!(found.unwrap(), "n4");
}

#[tokio::test]
async fn a_struct() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, Point { x, y: other, .. }: Point, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, x + other).await?)
    }
    let found = f(&open().await, point(), &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[tokio::test]
async fn a_tuple_struct_inside_a_struct() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        flaky: &Flaky,
        Point {
            label: Label(text, n),
            ..
        }: Point,
    ) -> Answer<String> {
        flaky.pass()?;
        Ok(text + &echo(&mut *tx, n).await?.to_string())
    }
    let found = f(&open().await, &Flaky::default(), point()).await;
    assert_eq!(found.unwrap(), "four5");
}

#[tokio::test]
async fn an_array() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, [a, .., z]: [i64; 4], flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, a * z).await?)
    }
    let found = f(&open().await, [2, 0, 0, 3], &Flaky::default()).await;
    assert_eq!(found.unwrap(), 6);
}

#[tokio::test]
async fn nested_patterns_with_mut_and_wildcards() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        (mut total, (_, [first, _]), ..): (i64, (u8, [i64; 2]), bool),
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        total += first;
        Ok(echo(&mut *tx, total).await?)
    }
    let found = f(&open().await, (1, (9, [2, 9]), true), &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[tokio::test]
async fn a_ref_binding() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, ref text: String, flaky: &Flaky) -> Answer<usize> {
        flaky.pass()?;
        echo(&mut *tx, 1).await?;
        let borrowed: &String = text;
        Ok(borrowed.len())
    }
    let found = f(&open().await, "abc".to_owned(), &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[tokio::test]
async fn a_name_beside_a_pattern() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, pair @ (a, _): (i64, i64), flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, a + pair.1).await?)
    }
    let found = f(&open().await, (1, 2), &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[tokio::test]
async fn a_reference_pattern() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, &[a, b]: &[i64; 2], flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, a + b).await?)
    }
    let found = f(&open().await, &[1, 2], &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[tokio::test]
async fn a_unit_pattern() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, (): (), flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, 1).await?)
    }
    let found = f(&open().await, (), &Flaky::default()).await;
    assert_eq!(found.unwrap(), 1);
}

#[tokio::test]
async fn several_unnamed_arguments() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        _: String,
        _: &str,
        flaky: &Flaky,
        _marker: PhantomData<u8>,
    ) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, 1).await?)
    }
    let flaky = Flaky::default();
    let found = f(&open().await, String::new(), "", &flaky, PhantomData).await;
    assert_eq!((found.unwrap(), flaky.attempts()), (1, 2));
}

#[tokio::test]
async fn a_mutable_argument_starts_anew_with_each_attempt() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, mut list: Vec<i64>, flaky: &Flaky) -> Answer<Vec<i64>> {
        list.push(echo(&mut *tx, 9).await?);
        flaky.pass()?;
        Ok(list)
    }
    let found = f(&open().await, vec![1], &Flaky::default()).await;
    assert_eq!(found.unwrap(), [1, 9]);
}

#[tokio::test]
async fn an_argument_moved_by_the_body() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: String, flaky: &Flaky) -> Answer<Box<str>> {
        let boxed = text.into_boxed_str();
        flaky.pass()?;
        echo(&mut *tx, 1).await?;
        Ok(boxed)
    }
    let found = f(&open().await, "abc".to_owned(), &Flaky::default()).await;
    assert_eq!(&*found.unwrap(), "abc");
}

#[tokio::test]
async fn an_argument_that_is_compiled_in() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, #[cfg(not(any()))] n: i64, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, n).await?)
    }
    assert_eq!(f(&open().await, 3, &Flaky::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn an_argument_that_is_compiled_out() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        #[cfg(any())] n: Missing,
        #[cfg(not(any()))] n: i64,
        #[cfg(any())] (a, b): (Missing, Missing),
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, n).await?)
    }
    assert_eq!(f(&open().await, 3, &Flaky::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn an_argument_with_a_lint_attribute() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        #[expect(unused_variables)] spare: i64,
        #[allow(unused_mut)] mut other: i64,
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, other).await?)
    }
    assert_eq!(f(&open().await, 3, 1, &Flaky::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn an_argument_named_like_the_function() {
    #[transactional]
    async fn find(tx: &mut Tx<'_, Sqlite>, find: i64, flaky: &Flaky) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, find).await?)
    }
    assert_eq!(find(&open().await, 3, &Flaky::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn borrowed_arguments() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        text: &str,
        list: &[i64],
        maybe: Option<&str>,
        map: &HashMap<String, i64>,
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        let lengths = text.len() + list.len() + maybe.map_or(0, str::len) + map.len();
        Ok(echo(&mut *tx, i64::try_from(lengths).unwrap()).await?)
    }
    let map = HashMap::from([("k".to_owned(), 1)]);
    let found = f(
        &open().await,
        "ab",
        &[1],
        Some("abc"),
        &map,
        &Flaky::default(),
    )
    .await;
    assert_eq!(found.unwrap(), 7);
}

#[tokio::test]
async fn owned_smart_pointers() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        shared: Arc<str>,
        boxed: Box<[i64]>,
        text: Cow<'_, str>,
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        let sum = echo(&mut *tx, boxed.iter().sum()).await?;
        Ok(format!("{shared}{sum}{}", text.into_owned()))
    }
    let boxed = vec![1, 2].into_boxed_slice();
    let found = f(
        &open().await,
        Arc::from("a"),
        boxed,
        Cow::from("z"),
        &Flaky::default(),
    )
    .await;
    assert_eq!(found.unwrap(), "a3z");
}

#[tokio::test]
async fn function_pointers_and_closures() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        pointer: fn(i64) -> i64,
        closure: impl Fn(i64) -> i64 + Clone + Send,
        object: &(dyn Fn(i64) -> i64 + Sync),
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, pointer(closure(object(1)))).await?)
    }
    let two = 2;
    let found = f(
        &open().await,
        |n| n * 10,
        move |n| n + two,
        &|n| n + 1,
        &Flaky::default(),
    )
    .await;
    assert_eq!(found.unwrap(), 40);
}

#[tokio::test]
async fn a_function_that_takes_mutable_references() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, change: fn(&mut i64), flaky: &Flaky) -> Answer {
        flaky.pass()?;
        let mut n = echo(&mut *tx, 1).await?;
        change(&mut n);
        Ok(n)
    }
    let found = f(&open().await, |n| *n += 1, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 2);
}

#[tokio::test]
async fn impl_trait_arguments() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        numbers: impl IntoIterator<Item = i64> + Clone + Send,
        name: impl AsRef<str> + Clone + Send + Sync,
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        let sum = echo(&mut *tx, numbers.into_iter().sum()).await?;
        Ok(format!("{}{sum}", name.as_ref()))
    }
    let found = f(&open().await, [1, 2, 3], "n", &Flaky::default()).await;
    assert_eq!(found.unwrap(), "n6");
}

#[tokio::test]
async fn borrowed_trait_objects() {
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        shown: &(dyn Display + Sync),
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        echo(&mut *tx, 1).await?;
        Ok(shown.to_string())
    }
    let found = f(&open().await, &3.5, &Flaky::default()).await;
    assert_eq!(found.unwrap(), "3.5");
}

#[tokio::test]
async fn an_owned_trait_object_that_cannot_be_cloned() {
    #[transactional(retry = never)]
    async fn f(tx: &mut Tx<'_, Sqlite>, shown: Box<dyn Display + Send>) -> Answer<String> {
        echo(&mut *tx, 1).await?;
        let shown = shown;
        Ok(format!("{shown}"))
    }
    assert_eq!(f(&open().await, Box::new(3.5)).await.unwrap(), "3.5");
}

#[tokio::test]
async fn a_mutable_reference() {
    #[transactional(retry = never)]
    async fn f(tx: &mut Tx<'_, Sqlite>, list: &mut Vec<i64>) -> Answer<()> {
        list.push(echo(&mut *tx, 1).await?);
        Ok(())
    }
    let mut list = Vec::new();
    f(&open().await, &mut list).await.unwrap();
    assert_eq!(list, [1]);
}

#[tokio::test]
async fn patterns_without_replay() {
    #[db_op(retry = never)]
    async fn f(
        conn: &mut Conn<'_, Sqlite>,
        (mut a, _): (i64, Box<dyn Display + Send>),
        Label(text, ..): Label,
    ) -> Answer<String> {
        a += 1;
        Ok(text + &echo(&mut *conn, a).await?.to_string())
    }
    let found = f(&open().await, (1, Box::new(2)), Label("n".to_owned(), 0)).await;
    assert_eq!(found.unwrap(), "n2");
}

#[tokio::test]
async fn twelve_arguments() {
    #[expect(
        clippy::too_many_arguments,
        clippy::many_single_char_names,
        reason = "the shape"
    )]
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        a: i64,
        mut b: i64,
        (c, d): (i64, i64),
        e: &str,
        f: String,
        g: Option<i64>,
        h: [i64; 2],
        i: &[i64],
        j: bool,
        k: u8,
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        b += 1;
        let sum = a + b + c + d + g.unwrap_or(0) + h[0] + i[0] + i64::from(j) + i64::from(k);
        Ok(f + e + &echo(&mut *tx, sum).await?.to_string())
    }
    let (db, flaky) = (open().await, Flaky::default());
    let f = f(
        &db,
        1,
        1,
        (1, 1),
        "e",
        "f".to_owned(),
        Some(1),
        [1, 0],
        &[1],
        true,
        1,
        &flaky,
    );
    assert_eq!(f.await.unwrap(), "fe10");
}
