//! The orders, from the cart to the parcel.

use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use sqlx::{QueryBuilder, query, query_as};

use crate::carts::{self, CartLine};
use crate::error::{Result, ShopError};
use crate::values::{Cents, Status};
use crate::{catalogue, coupons, customers, numbers};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) customer: i64,
    pub(crate) cents: Cents,
    pub(crate) status: Status,
}

/// What the shop does with orders. The methods return boxed futures, so there can be a `dyn Orders`.
#[async_trait::async_trait]
pub(crate) trait Orders: Send + Sync {
    /// Makes an order of the customer's cart. A coupon that is used up changes nothing.
    async fn place(&self, customer: i64, coupon: Option<&str>) -> Result<Order>;
    /// Cancels an order that is not paid. Its products go back into the stock.
    async fn cancel(&self, order: i64) -> Result<()>;
    /// Sends a paid order to this address. Returns the number of the shipment.
    async fn ship(&self, order: i64, label: &str) -> Result<i64>;
    /// Returns the orders of a customer, in the order of their numbers.
    async fn of(&self, customer: i64) -> Result<Vec<Order>>;
}

pub(crate) struct StoredOrders {
    pub(crate) db: AnyDb,
}

#[async_trait::async_trait]
impl Orders for StoredOrders {
    #[transactional(on = [Sqlite, Postgres], db = self.db)]
    async fn place(
        &self,
        tx: &mut Tx<'_, DB>,
        customer: i64,
        coupon: Option<&str>,
    ) -> Result<Order> {
        let lines = carts::empty(&mut *tx, customer).await?;
        if lines.is_empty() {
            return Err(ShopError::EmptyCart(customer));
        }
        for line in &lines {
            catalogue::take(&mut *tx, &line.sku, line.units).await?;
        }
        let full: i64 = lines.iter().map(|line| line.units * line.cents.0).sum();
        let off = match coupon {
            None => Cents(0),
            // This call is a savepoint, so the order goes on without the coupon.
            Some(code) => match coupons::redeem(&mut *tx, code).await {
                Err(ShopError::CouponUsedUp(_)) => Cents(0),
                redeemed => redeemed?,
            },
        };
        let order = Order {
            id: numbers::next(&mut *tx, "order").await?,
            customer,
            cents: Cents((full - off.0).max(0)),
            status: Status::Placed,
        };
        insert(&mut *tx, &order, &lines).await?;
        Ok(order)
    }

    #[transactional(on = [Sqlite, Postgres], db = self.db)]
    async fn cancel(&self, tx: &mut Tx<'_, DB>, order: i64) -> Result<()> {
        advance(&mut *tx, order, Status::Placed, Status::Cancelled).await?;
        let lines = "SELECT sku, units FROM order_lines WHERE order_id = $1 ORDER BY sku";
        let lines = query_as::<DB, (String, i64)>(lines).bind(order);
        for (sku, units) in lines.fetch_all(&mut *tx).await? {
            catalogue::put_back(&mut *tx, &sku, units).await?;
        }
        Ok(())
    }

    #[transactional(on = [Sqlite, Postgres], db = self.db)]
    async fn ship(&self, tx: &mut Tx<'_, DB>, order: i64, label: &str) -> Result<i64> {
        let customer = advance(&mut *tx, order, Status::Paid, Status::Shipped)
            .await?
            .customer;
        let to = customers::address(&mut *tx, customer, label).await?;
        let id = numbers::next(&mut *tx, "shipment").await?;
        query("INSERT INTO shipments (id, order_id, street, city) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(order)
            .bind(to.street)
            .bind(to.city)
            .execute(&mut *tx)
            .await?;
        Ok(id)
    }

    #[db_op(read_only, on = [Sqlite, Postgres], db = self.db)]
    async fn of(&self, conn: &mut Conn<'_, DB>, customer: i64) -> Result<Vec<Order>> {
        let all = "SELECT id, customer, cents, status FROM orders WHERE customer = $1 ORDER BY id";
        let all = query_as::<DB, Order>(all).bind(customer);
        Ok(all.fetch_all(&mut *conn).await?)
    }
}

/// Stores a new order with its lines.
#[transactional(on = [Sqlite, Postgres])]
async fn insert(tx: &mut Tx<'_, DB>, order: &Order, lines: &[CartLine]) -> Result<()> {
    query("INSERT INTO orders (id, customer, cents, status) VALUES ($1, $2, $3, $4)")
        .bind(order.id)
        .bind(order.customer)
        .bind(order.cents)
        .bind(order.status)
        .execute(&mut *tx)
        .await?;
    let mut sql = QueryBuilder::<DB>::new("INSERT INTO order_lines (order_id, sku, units, cents) ");
    sql.push_values(lines, |mut row, line| {
        row.push_bind(order.id)
            .push_bind(&line.sku)
            .push_bind(line.units)
            .push_bind(line.cents);
    });
    sql.build().execute(&mut *tx).await?;
    Ok(())
}

/// Moves an order from one status to the next, and returns the order as it was. Nobody else changes
/// the order until the caller's transaction ends.
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn advance(
    tx: &mut Tx<'_, DB>,
    order: i64,
    from: Status,
    to: Status,
) -> Result<Order> {
    // On SQLite, a transaction that writes is alone.
    let one = query_as::<DB, Order>(dbop::sql!(
        sqlite = "SELECT id, customer, cents, status FROM orders WHERE id = $1",
        postgres = "SELECT id, customer, cents, status FROM orders WHERE id = $1 FOR UPDATE",
    ));
    let found = one.bind(order).fetch_optional(&mut *tx).await?;
    let found = found.ok_or(ShopError::NoOrder(order))?;
    if found.status != from {
        return Err(ShopError::WrongStatus {
            order,
            is: found.status,
            needed: from,
        });
    }
    query("UPDATE orders SET status = $1 WHERE id = $2")
        .bind(to)
        .bind(order)
        .execute(&mut *tx)
        .await?;
    Ok(found)
}
