//! Eight calls, each joined by the next, compile and run without a higher limit of recursion.
#![deny(warnings)]

use dbop::{AnyDb, Db, Tx, transactional};

macro_rules! chain {
    ($last:ident) => {
        #[transactional(on = [Sqlite, Postgres])]
        async fn $last(tx: &mut Tx<'_, DB>, n: i64) -> dbop::Result<i64> {
            let _ = tx;
            Ok(n)
        }
    };
    ($first:ident $next:ident $($more:ident)*) => {
        #[transactional(on = [Sqlite, Postgres])]
        async fn $first(tx: &mut Tx<'_, DB>, n: i64) -> dbop::Result<i64> {
            $next(&mut *tx, n + 1).await
        }
        chain!($next $($more)*);
    };
}

chain!(f1 f2 f3 f4 f5 f6 f7 f8);

#[tokio::main]
async fn main() {
    let one = Db::<sqlx::Sqlite>::connect("sqlite::memory:").await.unwrap();
    assert_eq!(f1(&one, 1).await.unwrap(), 8);
    assert_eq!(f1(&AnyDb::from(one), 1).await.unwrap(), 8);
}
