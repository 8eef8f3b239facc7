//! A type that grew threefold with each level of joined calls would never be compiled.

use dbop::{AnyDb, Tx, transactional};

use crate::common::{Answer, open};

macro_rules! chain {
    ($last:ident) => {
        #[transactional(on = [Sqlite, Postgres])]
        async fn $last(tx: &mut Tx<'_, DB>, n: i64) -> Answer {
            let echo = sqlx::query_scalar("SELECT CAST($1 AS BIGINT)").bind(n);
            Ok(echo.fetch_one(&mut *tx).await?)
        }
    };
    ($first:ident $next:ident $($more:ident)*) => {
        #[transactional(on = [Sqlite, Postgres])]
        async fn $first(tx: &mut Tx<'_, DB>, n: i64) -> Answer {
            $next(&mut *tx, n + 1).await
        }
        chain!($next $($more)*);
    };
}

chain!(
    f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14
    f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29
);

#[tokio::test]
async fn a_chain_of_thirty_joined_calls_compiles() {
    let one = open().await;
    assert_eq!(Box::pin(f0(&one, 0)).await.unwrap(), 29);
    assert_eq!(Box::pin(f0(&AnyDb::from(one), 1)).await.unwrap(), 30);
}
