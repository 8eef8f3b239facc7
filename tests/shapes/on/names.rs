//! Names that the expansion uses, in a body that has others for them.

use dbop::{Db, Tx, transactional};

use crate::common::{Answer, open};

/// The last expression is the number of bytes of the database's name.
async fn run<F: Future<Output = Answer>>(call: impl FnOnce(&'static Db<sqlx::Sqlite>) -> F) -> i64 {
    let db = Box::leak(Box::new(open().await));
    call(db).await.unwrap()
}

mod around {
    //! The module has everything under another meaning.
    #![allow(dead_code)]

    use crate::common::Answer;

    pub(super) type DB = String;
    pub(super) struct Sqlite;
    pub(super) struct Postgres;
    pub(super) struct Backend;
    pub(super) trait AnySessionScope {}
    pub(super) trait Choice {}
    pub(super) fn choose() {}

    #[::dbop::db_op(on = [Sqlite, Postgres])]
    pub(super) async fn system(conn: &mut ::dbop::Conn<'_, DB>) -> Answer {
        let count = ::sqlx::query_scalar(::dbop::sql!(sqlite = "SELECT 6", postgres = "SELECT 10"));
        let count: i64 = count.fetch_one(&mut *conn).await?;
        assert_eq!(DB::SYSTEM.len(), 6);
        Ok(count)
    }
}

mod trait_of_the_name {
    pub(super) trait Backend {
        const SYSTEM: &'static str = "mine";
    }
    impl<T> Backend for T {}

    #[dbop::db_op(on = [Sqlite, Postgres])]
    pub(super) async fn system(conn: &mut dbop::Conn<'_, DB>) -> crate::common::Answer {
        let _ = conn;
        Ok(i64::try_from(<DB as Backend>::SYSTEM.len()).unwrap())
    }
}

#[tokio::test]
async fn names_of_the_module_around() {
    assert_eq!(run(around::system).await, 6);
    assert_eq!(run(trait_of_the_name::system).await, 4);
}

#[tokio::test]
async fn a_value_and_an_item_of_the_name_of_the_database() {
    const DB: i64 = 7;
    #[transactional(on = [Sqlite, Postgres])]
    async fn constant(tx: &mut Tx<'_, DB>) -> Answer {
        let _ = (tx, DB::SYSTEM);
        Ok(DB)
    }
    #[transactional(on = [Sqlite, Postgres])]
    async fn item(tx: &mut Tx<'_, DB>) -> Answer {
        let _ = tx;
        {
            type DB = i64;
            let n: DB = 8;
            Ok(n)
        }
    }
    assert_eq!(run(constant).await, 7);
    assert_eq!(run(item).await, 8);
}

#[tokio::test]
async fn keywords_as_names() {
    #[transactional(on = [Sqlite, Postgres])]
    async fn r#match(r#type: &mut Tx<'_, DB>, r#fn: i64, r#mod: (i64, i64)) -> Answer {
        let (a, b) = r#mod;
        let echo = sqlx::query_scalar("SELECT CAST($1 AS BIGINT)").bind(r#fn + a + b);
        Ok(echo.fetch_one(&mut *r#type).await?)
    }
    assert_eq!(run(|db| r#match(db, 1, (2, 3))).await, 6);
}

macro_rules! written {
    ($name:ident, $db:ident, $tx:ident, $text:expr, $result:ty $(, $n:ident)?) => {
        #[transactional(on = [Sqlite, Postgres])]
        async fn $name($tx: &mut Tx<'_, $db> $(, $n: i64)?) -> $result {
            let n = 1 $(+ $n)?;
            assert_eq!($db::SYSTEM, "sqlite");
            let echo = sqlx::query_scalar($text).bind(n);
            Ok(echo.fetch_one(&mut *$tx).await?)
        }
    };
}

macro_rules! written_inside {
    ($($name:ident)*) => {$(
        #[transactional(on = [Sqlite, Postgres])]
        async fn $name(tx: &mut Tx<'_, DB>, n: i64) -> Answer {
            let text = dbop::sql!(sqlite = "SELECT ?", postgres = "SELECT $1");
            let n: i64 = sqlx::query_scalar(text).bind(n).fetch_one(&mut *tx).await?;
            assert_eq!(DB::SYSTEM, "sqlite");
            Ok(n)
        }
    )*};
}

macro_rules! listed {
    ($($database:ident),*; $session:ty) => {
        #[transactional(on = [$($database),*])]
        async fn listed(#[session] tx: &mut $session) -> Answer {
            let echo = sqlx::query_scalar("SELECT CAST(3 AS BIGINT)");
            Ok(echo.fetch_one(&mut *tx).await?)
        }
    };
}

#[tokio::test]
async fn functions_that_macros_write() {
    written!(by_macro, DB, tx, "SELECT CAST($1 AS BIGINT)", Answer, more);
    written_inside!(first second);
    assert_eq!(run(|db| by_macro(db, 1)).await, 2);
    assert_eq!(run(|db| first(db, 1)).await, 1);
    assert_eq!(run(|db| second(db, 2)).await, 2);
    listed!(Sqlite, Postgres; Tx<'_, DB>);
    assert_eq!(run(listed).await, 3);
}
