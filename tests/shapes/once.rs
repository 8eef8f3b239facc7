//! `once = key` on functions of every shape.

use std::sync::Arc;

use dbop::{Db, Scope, Tx, transactional};
use serde::{Deserialize, Serialize};
use sqlx::Sqlite;

use crate::common::{Answer, note, notes, open};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: i64,
    lines: Vec<String>,
}

/// Makes a call twice. Both calls return the same, and a single note was made.
macro_rules! twice {
    ($db:expr, $call:expr) => {{
        let before = notes($db).await;
        let (first, second) = ($call.await.unwrap(), $call.await.unwrap());
        assert_eq!(first, second);
        assert_eq!(notes($db).await, before + 1);
    }};
}

#[tokio::test]
async fn arguments() {
    #[transactional(once = order.id)]
    async fn references(
        tx: &mut Tx<'_, Sqlite>,
        order: &Order,
        words: &[&str],
        or_not: Option<&str>,
        #[once(skip)] _clock: &std::time::Instant,
    ) -> Answer {
        let _ = or_not;
        Ok(note(&mut *tx, words[0]).await?)
    }
    #[transactional(once = format!("{a}/{}", b.len()))]
    async fn values(
        tx: &mut Tx<'_, Sqlite>,
        mut a: i64,
        b: String,
        (c, _): (u8, f32),
        #[cfg(any())] gone: std::rc::Rc<u8>,
        #[cfg(test)] r#type: u8,
    ) -> Answer<(i64, String)> {
        a += i64::from(c) + i64::from(r#type);
        Ok((note(&mut *tx, &b).await? + a, b))
    }
    let db = open().await;
    let order = Order {
        id: 1,
        lines: vec!["a".to_owned()],
    };
    let clock = std::time::Instant::now();
    twice!(&db, references(&db, &order, &["x"], None, &clock));
    twice!(&db, values(&db, 1, "b".to_owned(), (2, 0.5), 3));
}

#[tokio::test]
async fn generics_and_names_of_ours() {
    #[transactional(once = key)]
    async fn generic<T, const N: usize>(
        tx: &mut Tx<'_, Sqlite>,
        key: T,
        #[once(skip)] call: [u8; N],
        attempt: impl Serialize + Clone + Send,
    ) -> Answer<T>
    where
        T: std::fmt::Display + Serialize + for<'de> Deserialize<'de> + Clone + Send,
    {
        let _ = (call, attempt);
        note(&mut *tx, &key.to_string()).await?;
        Ok(key)
    }
    let db = open().await;
    twice!(&db, generic(&db, "k".to_owned(), [0; 3], ()));
    twice!(&db, generic(&db, 7_u128, [], Some(1)));
}

#[tokio::test]
async fn without_retry() {
    struct Used(i64); // not `Clone`
    #[transactional(once = id, retry = never)]
    async fn f(
        tx: &mut Tx<'_, Sqlite>,
        id: i64,
        #[once(skip)] used: Used,
    ) -> Answer<Option<Order>> {
        note(&mut *tx, "a").await?;
        let lines = Vec::new();
        Ok((used.0 > 0).then_some(Order { id, lines }))
    }
    let db = open().await;
    twice!(&db, f(&db, 1, Used(1)));
}

#[derive(Clone)]
struct Shop<T> {
    db: Arc<Db<Sqlite>>,
    stock: T,
}

impl<T: Clone + Sync + Send> Shop<T> {
    #[transactional(db = self.db, once = id, name = "shop.sell")]
    async fn sell(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> Answer {
        let _ = &self.stock;
        Ok(note(&mut *tx, "sold").await?)
    }

    #[transactional(once = format_args!("{id}"))]
    async fn order(tx: &mut Tx<'_, Sqlite>, id: i64) -> Answer<()> {
        note(&mut *tx, "ordered").await?;
        Ok(())
    }
}

trait Ship {
    async fn ship(&self, tx: impl Scope<Sqlite>, id: i64) -> Answer;
}

impl<T: Sync> Ship for Shop<T> {
    #[transactional(once = id)]
    async fn ship(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> Answer {
        Ok(note(&mut *tx, "shipped").await?)
    }
}

#[async_trait::async_trait]
trait Refund {
    async fn refund(&self, id: i64) -> Answer;
}

#[async_trait::async_trait]
impl<T: Clone + Send + Sync> Refund for Shop<T> {
    #[transactional(db = self.db, once = id)]
    async fn refund(&self, tx: &mut Tx<'_, Sqlite>, id: i64) -> Answer {
        Ok(note(&mut *tx, "refunded").await? + id)
    }
}

#[tokio::test]
async fn methods() {
    let db = Arc::new(open().await);
    let shop = Shop {
        db: Arc::clone(&db),
        stock: "bread",
    };
    twice!(&db, shop.sell(1));
    twice!(&db, Shop::<u8>::order(&*db, 1));
    twice!(&db, shop.ship(&*db, 1));
    twice!(&db, shop.refund(1));
}

#[tokio::test]
async fn futures_can_be_sent() {
    #[transactional(once = id)]
    async fn f(tx: &mut Tx<'_, Sqlite>, id: i64, text: String) -> Answer {
        Ok(note(&mut *tx, &text).await? + id)
    }
    let db = open().await;
    let here = db.clone();
    let there = tokio::spawn(async move { f(&here, 1, "a".to_owned()).await });
    let there = there.await.unwrap().unwrap();
    assert_eq!(f(&db, 1, "a".to_owned()).await.unwrap(), there);
}
