//! Requests that are repeated with the key of the first one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use dbop::http::{IdempotencyKey, Problem};
use dbop::{Db, Tx, transactional};
use dbop_tests::http::{Answer, Service};
use dbop_tests::{Fresh, eventually};
use futures_util::future::join_all;
use sqlx::Executor;
use tokio::sync::Semaphore;

use super::{Database, fresh_with};

/// Where each body waits after it has paid, and how many bodies have come there.
struct Till {
    open: Semaphore,
    paid: AtomicU32,
}

#[transactional(once = key.of(user), name = "till.pay")]
#[dbop::allow(foreign_await, reason = "the test lets it go on")]
async fn pay(
    tx: &mut Tx<'_, Database>,
    key: &IdempotencyKey,
    user: i64,
    cents: i64,
    #[once(skip)] till: &Till,
) -> dbop::Result<i64> {
    let insert = sqlx::query("INSERT INTO payments VALUES ($1, $2)");
    insert.bind(user).bind(cents).execute(&mut *tx).await?;
    till.paid.fetch_add(1, Ordering::SeqCst);
    till.open.acquire().await.expect("never closed").forget();
    Ok(fastrand::i64(1..1_000_000)) // the receipt, which no other body gives
}

#[derive(Clone)]
struct Shop {
    db: Db<Database>,
    /// Another handle to the same database, whose calls give up soon.
    hasty: Db<Database>,
    till: Arc<Till>,
}

async fn post_payment(
    State(shop): State<Shop>,
    key: IdempotencyKey,
    Json(cents): Json<i64>,
) -> Result<Json<i64>, Problem> {
    Ok(Json(pay(&shop.db, &key, 7, cents, &shop.till).await?))
}

async fn post_in_haste(
    State(shop): State<Shop>,
    key: IdempotencyKey,
    Json(cents): Json<i64>,
) -> Result<Json<i64>, Problem> {
    Ok(Json(pay(&shop.hasty, &key, 7, cents, &shop.till).await?))
}

async fn post_perhaps(key: Option<IdempotencyKey>) -> String {
    key.map_or_else(|| "none".to_owned(), |key| key.to_string())
}

struct World {
    fresh: Fresh<Database>,
    service: Service,
    till: Arc<Till>,
}

/// Opens a shop in which this many bodies need not wait.
async fn open(open: usize) -> World {
    let fresh = fresh_with(|builder| builder).await;
    let table = "CREATE TABLE payments (payer BIGINT NOT NULL, cents BIGINT NOT NULL)";
    fresh.pool().execute(table).await.expect("the table");
    let hasty = Db::builder().url(&fresh.url);
    let hasty = hasty.timeout(Duration::from_millis(700)).connect().await;
    let till = Arc::new(Till {
        open: Semaphore::new(open),
        paid: AtomicU32::new(0),
    });
    let shop = Shop {
        db: fresh.db.clone(),
        hasty: hasty.expect("the same database"),
        till: Arc::clone(&till),
    };
    let router = Router::new()
        .route("/payments", post(post_payment))
        .route("/hasty", post(post_in_haste))
        .route("/perhaps", post(post_perhaps));
    let service = Service::start(router.with_state(shop)).await;
    World {
        fresh,
        service,
        till,
    }
}

impl World {
    async fn pay(&self, key: &str, cents: i64) -> Answer {
        let headers = [("idempotency-key", key)];
        self.service
            .post("/payments", &headers, &cents.to_string())
            .await
    }

    async fn payments(&self) -> Vec<i64> {
        let cents = sqlx::query_scalar("SELECT cents FROM payments ORDER BY cents");
        cents.fetch_all(self.fresh.pool()).await.expect("the table")
    }

    /// Waits until this many bodies have paid.
    async fn have_paid(&self, bodies: u32) {
        let have = || async { self.till.paid.load(Ordering::SeqCst) >= bodies };
        eventually("the bodies have paid", have).await;
    }
}

#[tokio::test]
async fn a_request_without_a_usable_key_is_answered_400() {
    let world = open(0).await;
    let key = "idempotency-key";
    let bad: [(&[(&str, &str)], &str); 4] = [
        (&[], "idempotency_key_missing"),
        (&[(key, "\"\"")], "idempotency_key_invalid"),
        (&[(key, "\"a\", \"b\"")], "idempotency_key_invalid"),
        (&[(key, "\"a\""), (key, "\"b\"")], "idempotency_key_invalid"),
    ];
    for (headers, kind) in bad {
        let answer = world.service.post("/payments", headers, "5").await;
        assert_eq!((answer.status, &answer.json()["kind"]), (400, &kind.into()));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    assert_eq!(world.payments().await, [0; 0]);
    for (value, expected) in [("\"k 1\"", (200, "k 1")), ("k1", (200, "k1"))] {
        let perhaps = world.service.post("/perhaps", &[(key, value)], "").await;
        assert_eq!((perhaps.status, &*perhaps.body), expected);
    }
    let perhaps = world.service.post("/perhaps", &[], "").await;
    assert_eq!((perhaps.status, &*perhaps.body), (200, "none"));
    let perhaps = world.service.post("/perhaps", &[(key, "\"open")], "").await;
    assert_eq!(perhaps.status, 400);
}

#[tokio::test]
async fn requests_with_one_key_pay_once_and_get_one_answer() {
    let world = open(1).await;
    let answers = join_all((0..12).map(|_| world.pay("\"k1\"", 500))).await;
    let first = world.pay("k1", 500).await;
    assert_eq!(first.status, 200, "{first:?}");
    for answer in answers {
        assert_eq!((answer.status, &answer.body), (200, &first.body));
    }
    assert_eq!(world.payments().await, [500]);
    assert_eq!(world.till.paid.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn another_body_with_the_key_of_a_request_is_answered_422() {
    let world = open(1).await;
    assert_eq!(world.pay("k1", 500).await.status, 200);
    let answer = world.pay("k1", 900).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(answer.json()["kind"], "key_reused");
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(world.payments().await, [500]);
}

#[tokio::test]
async fn a_request_in_flight_is_waited_for_and_answered_409_only_at_the_deadline() {
    let world = open(0).await;
    let headers = [("idempotency-key", "k1")];
    let hasty = || world.service.post("/hasty", &headers, "500");
    let waiting = async {
        world.have_paid(1).await;
        let late = hasty().await;
        assert_eq!(late.status, 409, "{late:?}");
        assert_eq!(late.json()["kind"], "key_in_use");
        assert_eq!(late.json()["outcome"], "rolled_back");
        assert_eq!(late.header("retry-after"), Some("1"));
        world.till.open.add_permits(1);
    };
    let (first, ()) = tokio::join!(world.pay("k1", 500), waiting);
    assert_eq!(first.status, 200, "{first:?}");
    let later = hasty().await;
    assert_eq!((later.status, later.body), (200, first.body));
    assert_eq!(world.payments().await, [500]);
}

#[tokio::test]
async fn a_request_behind_one_with_another_key_is_not_told_that_its_own_is_in_use() {
    let world = open(0).await;
    let behind = async {
        world.have_paid(1).await;
        let headers = [("idempotency-key", "k2")];
        let late = world.service.post("/hasty", &headers, "600").await;
        assert!(matches!(late.status, 503 | 504), "{late:?}");
        assert_ne!(late.json()["kind"], "key_in_use");
        world.till.open.add_permits(1);
    };
    let (first, ()) = tokio::join!(world.pay("k1", 500), behind);
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(world.payments().await, [500]);
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_and_comes_back_pays_once() {
    let world = open(0).await;
    let headers = [
        ("idempotency-key", "k1"),
        ("content-type", "application/json"),
    ];
    let gone = world.service.send("POST /payments", &headers, "500").await;
    world.have_paid(1).await;
    drop(gone);
    // Whether the first body is dropped before it can go on is a matter of timing.
    world.till.open.add_permits(2);
    let back = world.pay("k1", 500).await;
    assert_eq!(back.status, 200, "{back:?}");
    let again = world.pay("k1", 500).await;
    assert_eq!((again.status, again.body), (200, back.body));
    assert_eq!(world.payments().await, [500]);
}

#[tokio::test]
async fn clients_that_go_away_at_any_moment_never_pay_twice() {
    let world = open(usize::MAX >> 4).await;
    for round in 0..40 {
        let key = format!("k{round}");
        let headers = [
            ("idempotency-key", &*key),
            ("content-type", "application/json"),
        ];
        for _ in 0..3 {
            let send = world.service.send("POST /payments", &headers, "500");
            let exchange = send.await;
            for _ in 0..fastrand::u32(0..60) {
                tokio::task::yield_now().await;
            }
            drop(exchange);
        }
        let answers = join_all((0..3).map(|_| world.pay(&key, 500))).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
        }
        assert_eq!(world.payments().await.len(), round + 1);
    }
}
