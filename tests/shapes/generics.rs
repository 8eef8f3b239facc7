//! Type parameters, constants and bounds.

use std::fmt::{Debug, Display};
use std::iter::Sum;

use dbop::{Backend, Conn, Db, Tx, db_op, transactional};
use sqlx::{Executor, IntoArguments, Sqlite};

use crate::common::{Answer, Flaky, echo, open};

#[tokio::test]
async fn a_type_parameter() {
    #[transactional]
    async fn f<T: Into<i64> + Clone + Send>(
        tx: &mut Tx<'_, Sqlite>,
        n: T,
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, n.into()).await?)
    }
    assert_eq!(f(&open().await, 3_u8, &Flaky::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_where_clause() {
    #[transactional]
    async fn f<T, I>(tx: &mut Tx<'_, Sqlite>, items: I, flaky: &Flaky) -> Answer
    where
        T: Into<i64> + Sum<T>,
        I: IntoIterator<Item = T> + Clone + Send,
        for<'i> &'i I: Debug,
    {
        flaky.pass()?;
        Ok(echo(&mut *tx, items.into_iter().sum::<T>().into()).await?)
    }
    let found = f(&open().await, vec![1_i32, 2], &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
}

#[tokio::test]
async fn a_constant_parameter() {
    #[transactional]
    async fn f<const N: usize>(
        tx: &mut Tx<'_, Sqlite>,
        items: [i64; N],
        flaky: &Flaky,
    ) -> Answer<[i64; N]> {
        flaky.pass()?;
        let mut found = [0; N];
        for (place, item) in found.iter_mut().zip(items) {
            *place = echo(&mut *tx, item).await?;
        }
        Ok(found)
    }
    let found = f(&open().await, [1, 2, 3], &Flaky::default()).await;
    assert_eq!(found.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn parameters_given_with_a_turbofish() {
    #[db_op]
    async fn f<T: TryFrom<i64, Error: Debug>, const N: i64>(
        conn: &mut Conn<'_, Sqlite>,
    ) -> Answer<T> {
        Ok(T::try_from(echo(&mut *conn, N).await?).unwrap())
    }
    assert_eq!(f::<u8, 7>(&open().await).await.unwrap(), 7_u8);
}

#[tokio::test]
async fn an_unsized_parameter_behind_a_reference() {
    #[transactional]
    async fn f<T: ?Sized + Display + Sync>(
        tx: &mut Tx<'_, Sqlite>,
        shown: &T,
        flaky: &Flaky,
    ) -> Answer<String> {
        flaky.pass()?;
        echo(&mut *tx, 1).await?;
        Ok(shown.to_string())
    }
    let found = f::<str>(&open().await, "abc", &Flaky::default()).await;
    assert_eq!(found.unwrap(), "abc");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_cloned() {
    #[transactional(retry = never)]
    async fn f<T: Display + Send>(tx: &mut Tx<'_, Sqlite>, shown: T) -> Answer<String> {
        echo(&mut *tx, 1).await?;
        Ok(shown.to_string())
    }
    struct Once;
    impl Display for Once {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("once")
        }
    }
    assert_eq!(f(&open().await, Once).await.unwrap(), "once");
}

#[tokio::test]
async fn a_closure_that_borrows_what_it_is_given() {
    #[transactional]
    async fn f<F>(tx: &mut Tx<'_, Sqlite>, pick: F, flaky: &Flaky) -> Answer<String>
    where
        F: for<'s> Fn(&'s str) -> &'s str + Clone + Send,
    {
        flaky.pass()?;
        let text = echo(&mut *tx, 123).await?.to_string();
        Ok(pick(&text).to_owned())
    }
    let found = f(&open().await, |text| &text[1..], &Flaky::default()).await;
    assert_eq!(found.unwrap(), "23");
}

#[tokio::test]
async fn an_async_closure_that_takes_the_session() {
    #[transactional]
    async fn f<F>(tx: &mut Tx<'_, Sqlite>, step: F) -> Answer
    where
        F: AsyncFn(&mut Tx<'_, Sqlite>, i64) -> Answer + Clone + Send,
    {
        step(&mut *tx, 1).await
    }
    let step = async |tx: &mut Tx<'_, Sqlite>, n| Ok(echo(&mut *tx, n + 1).await?);
    assert_eq!(f(&open().await, step).await.unwrap(), 2);
}

/// The bound by which a function for any database names what it needs.
trait Speaks: Backend {}
impl Speaks for Sqlite {}

#[tokio::test]
async fn any_database() {
    #[transactional]
    async fn f<DB>(tx: &mut Tx<'_, DB>, flaky: &Flaky) -> Answer<u64>
    where
        DB: Speaks,
        for<'q> DB::Arguments: IntoArguments<DB> + Default,
        DB::Arguments: Send,
    {
        flaky.pass()?;
        let rows = sqlx::query::<DB>("SELECT 1").fetch_all(&mut *tx).await?;
        Ok(rows.len() as u64)
    }
    assert_eq!(f(&open().await, &Flaky::default()).await.unwrap(), 1);
}

#[derive(Debug)]
struct Table<T, const WIDTH: usize> {
    rows: Vec<[T; WIDTH]>,
}

impl<T, const WIDTH: usize> Table<T, WIDTH>
where
    T: Copy + Into<i64> + Send + Sync,
{
    #[transactional]
    async fn total<F>(&self, tx: &mut Tx<'_, Sqlite>, change: F) -> Answer
    where
        F: Fn(T) -> T + Clone + Send,
    {
        let cells = self.rows.iter().flatten();
        let sum = cells.map(|&cell| change(cell).into()).sum();
        Ok(echo(&mut *tx, sum).await?)
    }
}

#[tokio::test]
async fn a_generic_method_of_a_generic_type() {
    let table = Table {
        rows: vec![[1_i32, 2], [3, 4]],
    };
    assert_eq!(table.total(&open().await, |n| n * 2).await.unwrap(), 20);
}

#[tokio::test]
async fn a_generic_executor_in_place_of_a_session() {
    #[db_op]
    async fn f<'e, E>(executor: E, n: i64) -> Answer
    where
        E: Executor<'e, Database = Sqlite>,
    {
        Ok(echo(executor, n).await?)
    }
    let db = open().await;
    assert_eq!(f(db.pool(), 1).await.unwrap(), 1);
    let mut conn = db.pool().acquire().await.unwrap();
    assert_eq!(f(&mut *conn, 2).await.unwrap(), 2);
}

#[tokio::test]
async fn an_impl_executor_in_place_of_a_session() {
    #[db_op]
    async fn f(executor: impl Executor<'_, Database = Sqlite>, n: i64) -> Answer {
        Ok(echo(executor, n).await?)
    }
    assert_eq!(f(open().await.pool(), 1).await.unwrap(), 1);
}

#[tokio::test]
async fn an_associated_type_of_a_parameter() {
    trait Entity {
        type Id: Into<i64> + Clone + Send;
    }
    struct User;
    impl Entity for User {
        type Id = u8;
    }
    #[transactional]
    async fn f<E: Entity>(tx: &mut Tx<'_, Sqlite>, id: E::Id, other: <E as Entity>::Id) -> Answer {
        let sum = id.into() + other.into();
        Ok(echo(&mut *tx, sum).await?)
    }
    assert_eq!(f::<User>(&open().await, 1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn generic_functions_share_one_description() {
    #[db_op(name = "generics.shared")]
    async fn f<T: Into<i64> + Clone + Send>(conn: &mut Conn<'_, Sqlite>, n: T) -> Answer {
        Ok(echo(&mut *conn, n.into()).await?)
    }
    let db: Db<Sqlite> = open().await;
    f(&db, 1_i64).await.unwrap();
    f(&db, 1_u8).await.unwrap();
    let metrics = dbop::metrics();
    let shared = metrics.iter().filter(|op| op.name == "generics.shared");
    assert_eq!(shared.map(|op| op.calls).sum::<u64>(), 2);
}
