//! Names: generated code does not collide with the user's names, whatever they are.

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, AppError, Flaky, echo, open};

#[tokio::test]
async fn raw_identifiers() {
    #[transactional]
    async fn r#match(
        r#type: &mut Tx<'_, Sqlite>,
        r#fn: i64,
        mut r#loop: i64,
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        r#loop += r#fn;
        Ok(echo(&mut *r#type, r#loop).await?)
    }
    let found = r#match(&open().await, 1, 2, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 3);
    let named = dbop::metrics().into_iter().any(|op| op.name == "match");
    assert!(named, "the name is written without `r#`");
}

#[tokio::test]
async fn arguments_called_like_generated_ones() {
    #[expect(
        clippy::too_many_arguments,
        clippy::just_underscores_and_digits,
        reason = "the shape"
    )]
    #[transactional]
    async fn f(
        __session: &mut Tx<'_, Sqlite>,
        __call: i64,
        __attempt: i64,
        __body: i64,
        __result: i64,
        __this_x: i64,
        __kept_x: i64,
        x: i64,
        (a, b): (i64, i64),
        __8: i64,
        __scope: &Flaky,
    ) -> Answer {
        __scope.pass()?;
        let sum = __call + __attempt + __body + __result + __this_x + __kept_x + x + a + b + __8;
        Ok(echo(&mut *__session, sum).await?)
    }
    let (db, flaky) = (open().await, Flaky::default());
    let found = f(&db, 1, 1, 1, 1, 1, 1, 1, (1, 1), 1, &flaky);
    assert_eq!(found.await.unwrap(), 10);
}

#[tokio::test]
async fn arguments_that_differ_in_underscores_only() {
    #[expect(
        clippy::used_underscore_binding,
        clippy::duplicate_underscore_argument,
        reason = "the shape"
    )]
    #[transactional]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        x: i64,
        _x: i64,
        __x: i64,
        ___x: i64,
        flaky: &Flaky,
    ) -> Answer {
        flaky.pass()?;
        Ok(echo(&mut *tx, x + 10 * _x + 100 * __x + 1000 * ___x).await?)
    }
    let found = f(&open().await, 1, 2, 3, 4, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 4321);
}

#[tokio::test]
async fn locals_and_items_called_like_generated_ones() {
    const OP: i64 = 1;
    static __DBOP_OP: i64 = 2;
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, flaky: &Flaky) -> Answer {
        static __DBOP_OP: i64 = 4;
        flaky.pass()?;
        let tx_ = tx;
        let tx = OP;
        Ok(echo(&mut *tx_, tx + __DBOP_OP).await?)
    }
    assert_eq!(f(&open().await, &Flaky::default()).await.unwrap(), 5);
    assert_eq!(__DBOP_OP, 2);
}

#[tokio::test]
async fn locals_called_like_generated_ones() {
    #[db_op(db = __db)]
    async fn f(__db: &Db<Sqlite>, #[session] conn: &mut Conn<'_, Sqlite>) -> Answer {
        let (__call, __attempt, __session) = (1, 2, 3);
        let n = echo(&mut *conn, __call + __attempt + __session).await?;
        Ok(n)
    }
    assert_eq!(f(&open().await).await.unwrap(), 6);
}

/// A module in which the names of the prelude mean something else.
mod shadowed {
    #![expect(
        dead_code,
        non_camel_case_types,
        reason = "the names are there to be met"
    )]

    use crate::common::AppError;

    pub(super) struct Ok;
    pub(super) struct Err;
    pub(super) struct Some;
    pub(super) struct None;
    pub(super) struct Result;
    pub(super) struct Option;
    pub(super) struct Box;
    pub(super) struct Pin;
    pub(super) struct Future;
    pub(super) struct String;
    pub(super) struct Sqlite;
    pub(super) struct Tx;
    pub(super) struct Op;
    pub(super) struct Call;
    pub(super) struct Scope;
    pub(super) struct str;
    pub(super) struct bool;
    pub(super) struct usize;
    pub(super) struct u64;
    pub(super) trait Clone {}
    pub(super) trait Send {}
    pub(super) trait Sync {}
    pub(super) trait Fn {}
    pub(super) trait From {}
    pub(super) trait Into {}
    pub(super) trait Drop {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod alloc {}
    pub(super) mod tokio {}
    pub(super) mod sqlx {}
    pub(super) mod dbop {}
    pub(super) mod tracing {}
    pub(super) mod __private0 {}

    #[::dbop::transactional(timeout = "5s", isolation = serializable, retry(attempts = 3))]
    pub(super) async fn transaction(
        tx: &mut ::dbop::Tx<'_, ::sqlx::Sqlite>,
        (n, flaky): (i64, &crate::common::Flaky),
        list: &[i64],
    ) -> ::core::result::Result<i64, AppError> {
        flaky.pass()?;
        let n = crate::common::echo(&mut *tx, n + list[0]).await?;
        ::core::result::Result::Ok(n)
    }

    #[::dbop::db_op(read_only, max_concurrency = 8)]
    pub(super) async fn operation(
        conn: &mut ::sqlx::SqliteConnection,
        n: i64,
        flaky: &crate::common::Flaky,
    ) -> ::core::result::Result<i64, AppError> {
        flaky.pass()?;
        let n = crate::common::echo(&mut *conn, n).await?;
        ::core::result::Result::Ok(n)
    }

    #[::dbop::db_op(idempotent, allow(no_session))]
    pub(super) async fn unscoped(
        pool: &::sqlx::SqlitePool,
        n: i64,
    ) -> ::core::result::Result<i64, AppError> {
        let n = crate::common::echo(pool, n).await?;
        ::core::result::Result::Ok(n)
    }

    #[::dbop::transactional(db = db)]
    pub(super) async fn with_handle(
        db: &::dbop::Db<::sqlx::Sqlite>,
        #[session] tx: &mut ::dbop::Tx<'_, ::sqlx::Sqlite>,
    ) -> ::core::result::Result<i64, AppError> {
        let n = crate::common::echo(&mut *tx, 1).await?;
        ::core::result::Result::Ok(n)
    }

    #[derive(::core::fmt::Debug, ::dbop::DbError)]
    pub(super) enum Error {
        Other,
        #[db_error(category = transient)]
        Busy,
        Database(::sqlx::Error),
        Boxed(::std::boxed::Box<::dbop::Error>),
    }
    impl ::core::fmt::Display for Error {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.write_str("shadowed")
        }
    }
}

#[tokio::test]
async fn a_prelude_that_means_something_else() {
    let db = open().await;
    let found = shadowed::transaction(&db, (1, &Flaky::default()), &[2]).await;
    assert_eq!(found.unwrap(), 3);
    let found = shadowed::operation(&mut &db, 4, &Flaky::default()).await;
    assert_eq!(found.unwrap(), 4);
    assert_eq!(shadowed::unscoped(db.pool(), 5).await.unwrap(), 5);
    assert_eq!(shadowed::with_handle(&db).await.unwrap(), 1);
    let error = shadowed::Error::from(dbop::Error::from(sqlx::Error::RowNotFound));
    assert!(matches!(error, shadowed::Error::Boxed(_)));
    assert!(matches!(
        sqlx::Error::RowNotFound.into(),
        shadowed::Error::Database(_)
    ));
}

#[tokio::test]
async fn generics_called_like_the_prelude() {
    #[transactional]
    #[expect(non_camel_case_types, reason = "the shape")]
    async fn f<Some: Into<i64> + Clone + Send, dbop: Into<i64> + Clone + Send, const NONE: i64>(
        tx: &mut Tx<'_, Sqlite>,
        some: Some,
        other: dbop,
    ) -> Result<i64, AppError> {
        Ok(echo(&mut *tx, some.into() + other.into() + NONE).await?)
    }
    let found = f::<_, _, 5>(&open().await, 1_u8, 2_i32).await;
    assert_eq!(found.unwrap(), 8);
}

#[tokio::test]
async fn local_macros_called_like_the_standard_ones() {
    #[expect(unused_macros, reason = "they are there to be met")]
    macro_rules! file {
        () => {
            compile_error!("shadowed")
        };
    }
    #[expect(unused_macros, reason = "they are there to be met")]
    macro_rules! line {
        () => {
            compile_error!("shadowed")
        };
    }
    macro_rules! matches {
        ($n:expr) => {
            $n
        };
    }
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        Ok(echo(&mut *tx, matches!(1)).await?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
}
