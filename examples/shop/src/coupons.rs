//! Coupons, each of which can be used a few times.

use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use sqlx::{query, query_scalar};

use crate::error::{Result, ShopError};
use crate::values::Cents;

/// Issues a coupon, or sets what is left of one that is there.
#[db_op(idempotent, on = [Sqlite, Postgres])]
pub(crate) async fn issue(
    conn: &mut Conn<'_, DB>,
    code: &str,
    cents: Cents,
    uses: i64,
) -> Result<()> {
    query(
        "INSERT INTO coupons (code, cents, uses_left) VALUES ($1, $2, $3)
         ON CONFLICT (code) DO UPDATE SET cents = excluded.cents, uses_left = excluded.uses_left",
    )
    .bind(code)
    .bind(cents)
    .bind(uses)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// Uses a coupon and returns what it is worth. The table refuses a use too many. On PostgreSQL, such an
/// error ends the transaction around it, so this is `nested`: a savepoint in the caller's transaction.
#[transactional(nested, on = [Sqlite, Postgres])]
pub(crate) async fn redeem(tx: &mut Tx<'_, DB>, code: &str) -> Result<Cents> {
    let used_up = || ShopError::CouponUsedUp(code.to_owned());
    let redeem = "UPDATE coupons SET uses_left = uses_left - 1 WHERE code = $1 RETURNING cents";
    let redeemed = query_scalar(redeem).bind(code).fetch_optional(&mut *tx);
    match redeemed.await.map_err(dbop::Error::from) {
        Err(error) if error.kind() == ErrorKind::Check => Err(used_up()),
        redeemed => redeemed?.ok_or_else(used_up),
    }
}
