//! The payments, and what the shop has earned.

use dbop::{Conn, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};

use crate::error::{Result, ShopError};
use crate::mails::Mails;
use crate::orders;
use crate::values::{Cents, Status};

/// What a customer gets for a payment. dbop stores the receipt, so serde has to know the type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) reference: String,
    pub(crate) order: i64,
    pub(crate) cents: Cents,
}

/// Takes a payment. The bank reports each payment by its reference until the shop has answered, so
/// the same call may come twice: then it takes effect once, and both calls return the receipt. The
/// name is that of the operation in the table of dbop's markers; it stays when this function moves.
#[transactional(on = [Sqlite, Postgres], once = reference, name = "shop.pay")]
pub(crate) async fn pay(
    tx: &mut Tx<'_, DB>,
    reference: &str,
    order: i64,
    cents: Cents,
    #[once(skip)] mails: &Mails,
) -> Result<Receipt> {
    let placed = orders::advance(&mut *tx, order, Status::Placed, Status::Paid).await?;
    if placed.cents != cents {
        return Err(ShopError::WrongAmount {
            order,
            costs: placed.cents,
            offered: cents,
        });
    }
    query("INSERT INTO payments (reference, order_id, cents) VALUES ($1, $2, $3)")
        .bind(reference)
        .bind(order)
        .bind(cents)
        .execute(&mut *tx)
        .await?;
    let mails = mails.clone();
    // Runs when the payment is stored, and not if the transaction is rolled back.
    tx.after_commit(async move { mails.send(format!("Order {order} is paid: {cents}")) });
    Ok(Receipt {
        reference: reference.to_owned(),
        order,
        cents,
    })
}

/// What has been paid for one product.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Sales {
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) units: i64,
    pub(crate) cents: Cents,
}

/// Returns what has been paid for each product, without the coupons.
#[db_op(read_only, on = [Sqlite, Postgres])]
pub(crate) async fn sales(conn: &mut Conn<'_, DB>) -> Result<Vec<Sales>> {
    // On PostgreSQL, the sum of a BIGINT is a NUMERIC.
    let sales = query_as::<DB, Sales>(
        "SELECT l.sku, p.title, CAST(SUM(l.units) AS BIGINT) AS units,
                CAST(SUM(l.units * l.cents) AS BIGINT) AS cents
         FROM order_lines l JOIN orders o ON o.id = l.order_id JOIN products p ON p.sku = l.sku
         WHERE o.status IN ('paid', 'shipped')
         GROUP BY l.sku, p.title ORDER BY l.sku",
    );
    Ok(sales.fetch_all(&mut *conn).await?)
}
