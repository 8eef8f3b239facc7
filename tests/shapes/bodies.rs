//! What a body may contain, which is everything.

use dbop::{Conn, Tx, db_op, transactional};
use futures_util::TryStreamExt;
use sqlx::{Row, Sqlite};

use crate::common::{Answer, AppError, Flaky, echo, note, notes, open};

#[tokio::test]
async fn an_early_return() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        if n < 0 {
            return Ok(0);
        }
        if n == 0 {
            return Err(AppError::Refused);
        }
        return Ok(echo(&mut *tx, n).await?);
    }
    let db = open().await;
    assert_eq!(f(&db, -1).await.unwrap(), 0);
    assert_eq!(f(&db, 2).await.unwrap(), 2);
    assert!(matches!(f(&db, 0).await, Err(AppError::Refused)));
}

#[tokio::test]
async fn an_early_error_rolls_back() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer<()> {
        note(&mut *tx, "gone").await?;
        Err(AppError::Refused)?;
        note(&mut *tx, "never").await?;
        Ok(())
    }
    let db = open().await;
    assert!(matches!(f(&db).await, Err(AppError::Refused)));
    assert_eq!(notes(&db).await, 0);
}

#[tokio::test]
async fn question_marks_in_a_loop() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, texts: &[&str]) -> Answer<i64> {
        let mut total = 0;
        for text in texts {
            let n = text.parse().map_err(|_| AppError::Refused)?;
            total += echo(&mut *tx, n).await?;
        }
        Ok(total)
    }
    let db = open().await;
    assert_eq!(f(&db, &["1", "2"]).await.unwrap(), 3);
    assert!(f(&db, &["1", "x"]).await.is_err());
}

#[tokio::test]
async fn labeled_breaks_and_continues() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        let mut seen = 0;
        let found = 'outer: loop {
            for n in 0..10 {
                seen += echo(&mut *tx, 1).await?;
                if n == 2 {
                    continue 'outer;
                }
                if seen > 5 {
                    break 'outer n;
                }
            }
        };
        let block = 'block: {
            if found == 2 {
                break 'block 1;
            }
            2
        };
        Ok(seen * 100 + found * 10 + block)
    }
    assert_eq!(f(&open().await).await.unwrap(), 702);
}

#[tokio::test]
async fn let_else_and_let_chains() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: Option<i64>) -> Answer {
        let Some(n) = n else {
            return Err(AppError::Refused);
        };
        if let found = echo(&mut *tx, n).await?
            && found > 1
            && let Some(less) = found.checked_sub(1)
        {
            return Ok(less);
        }
        Ok(n)
    }
    let db = open().await;
    assert_eq!(f(&db, Some(3)).await.unwrap(), 2);
    assert_eq!(f(&db, Some(1)).await.unwrap(), 1);
    assert!(f(&db, None).await.is_err());
}

#[tokio::test]
async fn match_guards() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer<&'static str> {
        match echo(&mut *tx, n).await? {
            n if n < 0 => Ok("negative"),
            0 => Ok("zero"),
            n @ 1..=9 if n % 2 == 0 => Ok("small and even"),
            1..=9 => Ok("small"),
            _ => Err(AppError::Refused),
        }
    }
    let db = open().await;
    assert_eq!(f(&db, -1).await.unwrap(), "negative");
    assert_eq!(f(&db, 4).await.unwrap(), "small and even");
    assert!(f(&db, 10).await.is_err());
}

#[tokio::test]
async fn returns_in_closures_and_async_blocks() {
    #[db_op]
    async fn f(conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
        let half = |n: i64| -> Option<i64> {
            if n % 2 == 1 {
                return None;
            }
            Some(n / 2)
        };
        let inner = async {
            if n == 0 {
                return 0;
            }
            echo(&mut *conn, n).await.unwrap_or(-1)
        };
        let n = inner.await;
        Ok(half(n).unwrap_or(n))
    }
    let db = open().await;
    assert_eq!(f(&db, 4).await.unwrap(), 2);
    assert_eq!(f(&db, 5).await.unwrap(), 5);
}

#[tokio::test]
async fn async_closures_that_borrow_the_session() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        let mut step = async |n: i64| -> Answer { Ok(echo(&mut *tx, n).await?) };
        Ok(step(1).await? + step(2).await?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 3);
}

#[tokio::test]
async fn savepoints_that_borrow_arguments() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, texts: &[String]) -> Answer<usize> {
        let mut stored = 0;
        for text in texts {
            let insert = async |sp: &mut Tx<'_, Sqlite>| -> Answer<()> {
                note(&mut *sp, text).await?;
                if text.is_empty() {
                    return Err(AppError::Refused);
                }
                Ok(())
            };
            stored += usize::from(tx.savepoint(insert).await.is_ok());
        }
        Ok(stored)
    }
    let db = open().await;
    let texts = ["a".to_owned(), String::new(), "b".to_owned()];
    assert_eq!(f(&db, &texts).await.unwrap(), 2);
    assert_eq!(notes(&db).await, 2);
}

#[tokio::test]
async fn items_of_all_kinds() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

        const STEP: i64 = 1;
        static TOTAL: AtomicI64 = AtomicI64::new(0);
        struct Local(i64);
        enum Sign {
            Plus,
        }
        trait Value {
            fn value(&self) -> i64;
        }
        impl Value for Local {
            fn value(&self) -> i64 {
                self.0
            }
        }
        impl Local {
            async fn read(&self, tx: &mut Tx<'_, Sqlite>) -> Answer {
                Ok(echo(&mut *tx, self.value()).await?)
            }
        }
        mod inner {
            pub(super) const fn twice(n: i64) -> i64 {
                n * 2
            }
        }
        macro_rules! add {
            ($n:expr) => {
                TOTAL.fetch_add($n, SeqCst)
            };
        }
        fn apply(sign: &Sign, n: i64) -> i64 {
            match sign {
                Sign::Plus => n,
            }
        }

        let n = Local(STEP).read(&mut *tx).await?;
        add!(apply(&Sign::Plus, inner::twice(n)));
        Ok(TOTAL.load(SeqCst))
    }
    assert_eq!(f(&open().await).await.unwrap(), 2);
}

#[tokio::test]
async fn an_annotated_function_inside() {
    #[transactional]
    async fn outer(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
        #[transactional(nested)]
        async fn inner(tx: &mut Tx<'_, Sqlite>, n: i64) -> Answer {
            #[db_op]
            async fn innermost(conn: &mut Conn<'_, Sqlite>, n: i64) -> Answer {
                Ok(echo(&mut *conn, n).await?)
            }
            innermost(&mut *tx, n + 1).await
        }
        inner(&mut *tx, n + 1).await
    }
    assert_eq!(outer(&open().await, 1).await.unwrap(), 3);
}

#[tokio::test]
async fn a_stream_of_rows() {
    #[db_op(read_only)]
    async fn f(conn: &mut Conn<'_, Sqlite>) -> Answer {
        let mut rows = sqlx::query("SELECT 1 UNION SELECT 2").fetch(&mut *conn);
        let mut total = 0;
        while let Some(row) = rows.try_next().await? {
            total += row.try_get::<i64, _>(0)?;
        }
        Ok(total)
    }
    assert_eq!(f(&open().await).await.unwrap(), 3);
}

#[tokio::test]
async fn a_last_expression_that_borrows_locals() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: String) -> sqlx::Result<String> {
        let cell = std::cell::RefCell::new(text);
        let upper = cell.borrow().to_uppercase();
        sqlx::query_scalar("SELECT $1")
            .bind(&upper)
            .fetch_one(&mut *tx)
            .await
    }
    assert_eq!(f(&open().await, "a".to_owned()).await.unwrap(), "A");
}

#[tokio::test]
async fn a_last_expression_whose_temporary_borrows_an_argument() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, text: std::sync::Arc<std::sync::Mutex<i64>>) -> Answer {
        let n = *text.lock().unwrap();
        echo(&mut *tx, n).await?;
        Ok(*text.lock().unwrap())
    }
    let n = std::sync::Arc::new(std::sync::Mutex::new(5));
    assert_eq!(f(&open().await, n).await.unwrap(), 5);
}

#[tokio::test]
async fn a_body_that_is_one_call() {
    #[transactional]
    async fn one(tx: &mut Tx<'_, Sqlite>, n: i64) -> sqlx::Result<i64> {
        echo(tx, n).await
    }
    #[transactional]
    async fn two(tx: &mut Tx<'_, Sqlite>, n: i64) -> sqlx::Result<i64> {
        one(tx, n).await
    }
    assert_eq!(two(&open().await, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_body_that_never_returns_normally() {
    #[transactional]
    async fn refuses(_tx: &mut Tx<'_, Sqlite>) -> Answer {
        return Err(AppError::Refused);
    }
    #[transactional]
    async fn panics(tx: &mut Tx<'_, Sqlite>) -> Answer {
        let n = echo(&mut *tx, 1).await?;
        panic!("body {n}")
    }
    #[transactional]
    async fn unreachable(tx: &mut Tx<'_, Sqlite>) -> Answer {
        loop {
            let n = echo(&mut *tx, 1).await?;
            if n == 1 {
                return Ok(n);
            }
        }
    }
    let db = open().await;
    assert!(refuses(&db).await.is_err());
    assert_eq!(unreachable(&db).await.unwrap(), 1);
    let caught = tokio::spawn(async move { panics(&db).await }).await;
    let payload = caught.unwrap_err().into_panic();
    assert_eq!(*payload.downcast::<String>().unwrap(), "body 1");
}

#[tokio::test]
async fn arguments_and_the_session_bound_anew() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>, n: i64, flaky: &Flaky) -> Answer {
        let flaky = flaky.pass();
        flaky?;
        let n = n + 1;
        let tx = &mut *tx;
        let n = n + echo(tx, 1).await?;
        let tx = n;
        Ok(tx)
    }
    assert_eq!(f(&open().await, 1, &Flaky::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn attributes_inside_the_body() {
    #[transactional]
    async fn f(tx: &mut Tx<'_, Sqlite>) -> Answer {
        #![allow(clippy::let_and_return)]
        #[cfg(any())]
        compile_error!("not compiled");
        let n = echo(&mut *tx, 1).await?;
        n.checked_add(1).ok_or(AppError::Refused)?;
        #[allow(clippy::let_and_return)]
        let found = Ok(n);
        found
    }
    assert_eq!(f(&open().await).await.unwrap(), 1);
}

#[tokio::test]
async fn blocks_that_are_constant() {
    #[db_op]
    async fn f(conn: &mut Conn<'_, Sqlite>) -> Answer {
        let n = const { 1 + 1 };
        let n = { n + 1 };
        Ok(echo(&mut *conn, n).await?)
    }
    assert_eq!(f(&open().await).await.unwrap(), 3);
}

#[tokio::test]
async fn statements_joined_with_others() {
    #[db_op]
    async fn f(conn: &mut Conn<'_, Sqlite>) -> Answer {
        let (n, m) = tokio::join!(echo(&mut *conn, 1), async { 2 });
        Ok(n? + m)
    }
    assert_eq!(f(&open().await).await.unwrap(), 3);
}
