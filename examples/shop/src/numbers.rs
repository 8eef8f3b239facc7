//! The numbers of customers, orders and shipments.

use dbop::{Tx, transactional};
use sqlx::query_scalar;

use crate::error::Result;

/// Returns the next number of this sort. Until the caller's transaction ends, others wait here, so a
/// caller asks late.
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn next(tx: &mut Tx<'_, DB>, sort: &str) -> Result<i64> {
    let count = "UPDATE numbers SET last = last + 1 WHERE sort = $1 RETURNING last";
    Ok(query_scalar(count).bind(sort).fetch_one(&mut *tx).await?)
}
