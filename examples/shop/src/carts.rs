//! What customers mean to buy.

use dbop::{Conn, Tx, db_op, transactional};
use sqlx::{query, query_as};

use crate::error::Result;
use crate::values::Cents;

/// A line of a cart, with the price of today.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct CartLine {
    pub(crate) sku: String,
    pub(crate) units: i64,
    pub(crate) cents: Cents,
}

/// Adds units of a product to the cart. Run twice, this would add them twice, so it is not
/// `idempotent`: dbop repeats it only if nothing was applied.
#[db_op(on = [Sqlite, Postgres])]
pub(crate) async fn add(
    conn: &mut Conn<'_, DB>,
    customer: i64,
    sku: &str,
    units: i64,
) -> Result<()> {
    query(
        "INSERT INTO cart_lines (customer, sku, units) VALUES ($1, $2, $3)
         ON CONFLICT (customer, sku) DO UPDATE SET units = cart_lines.units + excluded.units",
    )
    .bind(customer)
    .bind(sku)
    .bind(units)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// Empties the cart and returns what was in it. This is one statement, so nothing that is added
/// meanwhile gets lost.
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn empty(tx: &mut Tx<'_, DB>, customer: i64) -> Result<Vec<CartLine>> {
    let lines = query_as::<DB, CartLine>(
        "DELETE FROM cart_lines WHERE customer = $1 RETURNING sku, units,
         (SELECT cents FROM products WHERE products.sku = cart_lines.sku) AS cents",
    );
    let mut lines = lines.bind(customer).fetch_all(&mut *tx).await?;
    // All orders take products out of the stock in this order, so that no two wait for each other.
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    Ok(lines)
}
