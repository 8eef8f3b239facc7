//! What the bank promises, on each database. A test on PostgreSQL has a database of its own in the
//! server that `DBOP_TEST_DATABASE_URL` names.

use axum::extract::FromRequestParts;
use axum::http::Request;
use dbop::AnyDb;

use super::*;

/// Asks for a transfer as a client does, and returns the status of the answer.
async fn status(db: &AnyDb, key: &str, order: (i64, i64, i64)) -> u16 {
    let request = Request::builder().header("idempotency-key", key).body(());
    let (mut parts, ()) = request.expect("a request").into_parts();
    let key = IdempotencyKey::from_request_parts(&mut parts, &()).await;
    let paid = pay(State(db.clone()), key.expect("a key"), Path(order)).await;
    paid.map_or_else(|problem| problem.status().as_u16(), |()| 200)
}

#[dbop::test(migrations = "./migrations")]
async fn a_transfer_that_makes_or_loses_money_is_refused(db: AnyDb) -> Result<(), BankError> {
    for (key, order, expected) in [
        ("negative", (1, 2, -500), 400),
        ("nothing", (1, 2, 0), 400),
        ("to nobody", (1, 77, 500), 404),
        ("from nobody", (77, 1, 500), 402),
        ("too much", (1, 2, 100_001), 402),
    ] {
        assert_eq!(
            status(&db, &format!("\"{key}\""), order).await,
            expected,
            "{key}"
        );
    }
    for account in [1, 2, 3] {
        assert_eq!(balance(&db, account).await?, 100_000);
    }
    for _ in 0..2 {
        assert_eq!(status(&db, "rent-june", (1, 2, 500)).await, 200);
    }
    assert_eq!(
        (balance(&db, 1).await?, balance(&db, 2).await?),
        (99_500, 100_500)
    );
    Ok(())
}
