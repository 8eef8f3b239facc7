//! The customers and where they live.

use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use sqlx::{query, query_as, query_scalar};

use crate::error::{Result, ShopError};
use crate::numbers;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Address {
    pub(crate) label: String,
    pub(crate) street: String,
    pub(crate) city: String,
}

/// What the shop asks of its customers. The implementation says where they are kept.
pub(crate) trait Customers {
    /// Returns the number of the customer with this e-mail address, who is new or gets this name.
    async fn register(&self, name: &str, email: &str) -> Result<i64>;
    /// Adds an address, or replaces the one with this label.
    async fn move_to(&self, customer: i64, address: &Address) -> Result<()>;
}

pub(crate) struct StoredCustomers {
    pub(crate) db: AnyDb,
}

impl Customers for StoredCustomers {
    #[transactional(on = [Sqlite, Postgres], db = self.db)]
    async fn register(&self, tx: &mut Tx<'_, DB>, name: &str, email: &str) -> Result<i64> {
        let rename = "UPDATE customers SET name = $1 WHERE email = $2 RETURNING id";
        let rename = query_scalar(rename).bind(name).bind(email);
        if let Some(known) = rename.fetch_optional(&mut *tx).await? {
            return Ok(known);
        }
        // Somebody may register this address at the same moment.
        let insert = query_scalar(
            "INSERT INTO customers (id, name, email) VALUES ($1, $2, $3)
             ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id",
        );
        let id = numbers::next(&mut *tx, "customer").await?;
        let insert = insert.bind(id).bind(name).bind(email);
        Ok(insert.fetch_one(&mut *tx).await?)
    }

    #[db_op(idempotent, on = [Sqlite, Postgres], db = self.db)]
    async fn move_to(
        &self,
        conn: &mut Conn<'_, DB>,
        customer: i64,
        address: &Address,
    ) -> Result<()> {
        query(
            "INSERT INTO addresses (customer, label, street, city) VALUES ($1, $2, $3, $4)
             ON CONFLICT (customer, label)
             DO UPDATE SET street = excluded.street, city = excluded.city",
        )
        .bind(customer)
        .bind(&address.label)
        .bind(&address.street)
        .bind(&address.city)
        .execute(&mut *conn)
        .await?;
        Ok(())
    }
}

/// Returns one address, for a caller who has a session.
#[db_op(read_only, on = [Sqlite, Postgres])]
pub(crate) async fn address(
    conn: &mut Conn<'_, DB>,
    customer: i64,
    label: &str,
) -> Result<Address> {
    let one = "SELECT label, street, city FROM addresses WHERE customer = $1 AND label = $2";
    let one = query_as::<DB, Address>(one).bind(customer).bind(label);
    let one = one.fetch_optional(&mut *conn).await?;
    one.ok_or(ShopError::NoAddress(customer))
}
