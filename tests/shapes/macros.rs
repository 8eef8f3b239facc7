//! Functions that `macro_rules` generates. Its fragments arrive inside invisible groups.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::Sqlite;

use crate::common::{Answer, Flaky, echo, open};

#[tokio::test]
async fn an_expression() {
    macro_rules! make {
        ($name:ident, $value:expr) => {
            #[transactional]
            async fn $name(tx: &mut Tx<'_, Sqlite>) -> Answer {
                Ok(echo(&mut *tx, $value).await?)
            }
        };
    }
    make!(f, 1 + 2);
    assert_eq!(f(&open().await).await.unwrap(), 3);
}

#[tokio::test]
async fn a_block() {
    macro_rules! make {
        ($tx:ident, $n:ident, $body:block) => {
            #[transactional]
            async fn f($tx: &mut Tx<'_, Sqlite>, $n: i64) -> Answer $body
        };
    }
    make!(tx, n, {
        let found = echo(&mut *tx, n).await?;
        Ok(found + 1)
    });
    assert_eq!(f(&open().await, 1).await.unwrap(), 2);
}

#[tokio::test]
async fn types() {
    macro_rules! make {
        ($session:ty, $argument:ty => $result:ty) => {
            #[transactional]
            async fn f(tx: $session, n: $argument) -> $result {
                Ok(echo(&mut *tx, n.into()).await?)
            }
        };
    }
    make!(&mut Tx<'_, Sqlite>, i32 => Answer);
    assert_eq!(f(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn the_database_alone() {
    macro_rules! make {
        ($name:ident, $db:ty) => {
            #[db_op(read_only)]
            async fn $name(conn: &mut Conn<'_, $db>, n: i64) -> Answer {
                Ok(echo(&mut *conn, n).await?)
            }
        };
    }
    make!(f, Sqlite);
    make!(g, sqlx::Sqlite);
    let db = open().await;
    assert_eq!(f(&db, 1).await.unwrap() + g(&db, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn patterns() {
    macro_rules! make {
        ($($pattern:pat => $ty:ty),* ; $body:expr) => {
            #[transactional]
            async fn f(tx: &mut Tx<'_, Sqlite>, $($pattern: $ty),*) -> Answer {
                Ok(echo(&mut *tx, $body).await?)
            }
        };
    }
    make!((a, _) => (i64, String), [b, ..] => [i64; 2], mut c => i64; { c += 1; a + b + c });
    let found = f(&open().await, (1, String::new()), [2, 0], 3).await;
    assert_eq!(found.unwrap(), 7);
}

#[tokio::test]
async fn references_as_types_of_arguments() {
    macro_rules! make {
        ($($name:ident: $ty:ty),*) => {
            #[transactional(retry = never)]
            async fn f(tx: &mut Tx<'_, Sqlite>, $($name: $ty),*) -> Answer<()> {
                $($name.push(echo(&mut *tx, 1).await?);)*
                Ok(())
            }
        };
    }
    make!(a: &mut Vec<i64>, b: &mut Vec<i64>);
    let (mut a, mut b) = (Vec::new(), vec![0]);
    f(&open().await, &mut a, &mut b).await.unwrap();
    assert_eq!((a, b), (vec![1], vec![0, 1]));
}

#[tokio::test]
async fn visibility_attributes_and_options() {
    macro_rules! make {
        ($(#[$meta:meta])* $vis:vis $name:ident, $timeout:literal, $attempts:literal, $op:literal) => {
            $(#[$meta])*
            #[db_op(timeout = $timeout, retry(attempts = $attempts), name = $op, idempotent)]
            $vis async fn $name(conn: &mut Conn<'_, Sqlite>, flaky: &Flaky) -> Answer {
                flaky.pass()?;
                Ok(echo(&mut *conn, 1).await?)
            }
        };
    }
    make!(
        /// Documented.
        #[inline]
        pub(super) f, "2s", 3, "macros.literals"
    );
    assert_eq!(f(&open().await, &Flaky::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_handle_as_an_expression() {
    static HANDLE: tokio::sync::OnceCell<dbop::Db<Sqlite>> = tokio::sync::OnceCell::const_new();
    macro_rules! make {
        ($db:expr) => {
            #[transactional(db = $db)]
            async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
                Ok(echo(&mut *tx, n).await?)
            }
        };
    }
    make!(HANDLE.get_or_init(open).await);
    assert_eq!(f(1).await.unwrap(), 1);
}

#[tokio::test]
async fn generics_lifetimes_and_bounds() {
    macro_rules! make {
        ($lt:lifetime, $t:ident: $($bound:path),+) => {
            #[transactional]
            async fn f<$lt, $t: $($bound +)+ Sync>(tx: &mut Tx<'_, Sqlite>, value: &$lt $t) -> Answer<&$lt $t> {
                echo(&mut *tx, 1).await?;
                Ok(value)
            }
        };
    }
    make!('a, T: Send, std::fmt::Debug);
    assert_eq!(f(&open().await, &5).await.unwrap(), &5);
}

#[tokio::test]
async fn a_whole_item() {
    macro_rules! annotated {
        ($item:item) => {
            #[transactional]
            $item
        };
    }
    annotated! {
        async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
            Ok(echo(&mut *tx, n).await?)
        }
    }
    assert_eq!(f(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_whole_method_by_token_trees() {
    struct Repo(i64);
    macro_rules! methods {
        ($ty:ty { $($tokens:tt)* }) => {
            impl $ty {
                #[transactional]
                $($tokens)*
            }
        };
    }
    methods!(Repo {
        async fn base(&self, tx: &mut Tx<'_, Sqlite>) -> Answer {
            Ok(echo(&mut *tx, self.0).await?)
        }
    });
    assert_eq!(Repo(3).base(&open().await).await.unwrap(), 3);
}

#[tokio::test]
async fn locals_of_the_macro_and_of_the_caller_stay_apart() {
    macro_rules! make {
        ($n:ident, $value:expr) => {
            #[transactional]
            async fn f(tx: &mut Tx<'_, Sqlite>, $n: i64) -> Answer {
                let local = echo(&mut *tx, 10).await?;
                Ok(local + $value)
            }
        };
    }
    make!(local, local + 1);
    assert_eq!(f(&open().await, 1).await.unwrap(), 12);
}
