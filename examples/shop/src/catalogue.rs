//! The products, and how many of each are left.

use dbop::{AnyDb, Conn, Tx, db_op, transactional};
use sqlx::{QueryBuilder, query, query_as, query_scalar};

use crate::error::{Result, ShopError};
use crate::values::Cents;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Product {
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) cents: Cents,
}

/// What a visitor looks for. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// A part of the title, in small letters or in capitals.
    pub(crate) title: Option<String>,
    pub(crate) at_most: Option<Cents>,
    pub(crate) in_stock: bool,
}

pub(crate) struct Catalogue {
    pub(crate) db: AnyDb,
}

impl Catalogue {
    /// Adds a product, or gives a product that is there this title and price. Adds the units to
    /// the stock.
    #[transactional(on = [Sqlite, Postgres], db = self.db)]
    pub(crate) async fn deliver(
        &self,
        tx: &mut Tx<'_, DB>,
        product: &Product,
        units: i64,
    ) -> Result<()> {
        query(
            "INSERT INTO products (sku, title, cents) VALUES ($1, $2, $3)
             ON CONFLICT (sku) DO UPDATE SET title = excluded.title, cents = excluded.cents",
        )
        .bind(&product.sku)
        .bind(&product.title)
        .bind(product.cents)
        .execute(&mut *tx)
        .await?;
        put_back(&mut *tx, &product.sku, units).await
    }

    /// Sets a price. Orders that have been placed keep theirs.
    #[db_op(idempotent, on = [Sqlite, Postgres], db = self.db)]
    pub(crate) async fn price(
        &self,
        conn: &mut Conn<'_, DB>,
        sku: &str,
        cents: Cents,
    ) -> Result<()> {
        let price = query("UPDATE products SET cents = $1 WHERE sku = $2");
        let priced = price.bind(cents).bind(sku).execute(&mut *conn).await?;
        match priced.rows_affected() {
            0 => Err(ShopError::NoProduct(sku.to_owned())),
            _ => Ok(()),
        }
    }

    /// Finds products, the cheapest one first.
    #[db_op(read_only, on = [Sqlite, Postgres], db = self.db)]
    pub(crate) async fn find(
        &self,
        conn: &mut Conn<'_, DB>,
        search: &Search,
    ) -> Result<Vec<Product>> {
        let mut sql = QueryBuilder::<DB>::new(
            "SELECT sku, title, cents FROM products JOIN stock USING (sku) WHERE TRUE",
        );
        if let Some(part) = &search.title {
            // On SQLite, LIKE does not tell small letters from capitals.
            let like = dbop::sql!(sqlite = " AND title LIKE ", postgres = " AND title ILIKE ");
            sql.push(like).push_bind(format!("%{part}%"));
        }
        if let Some(most) = search.at_most {
            sql.push(" AND cents <= ").push_bind(most);
        }
        if search.in_stock {
            sql.push(" AND units > 0");
        }
        sql.push(" ORDER BY cents, sku");
        Ok(sql.build_query_as().fetch_all(&mut *conn).await?)
    }

    /// Returns the products of which fewer than this many are left, and how many.
    #[db_op(read_only, on = [Sqlite, Postgres], db = self.db)]
    pub(crate) async fn short_of(
        &self,
        conn: &mut Conn<'_, DB>,
        units: i64,
    ) -> Result<Vec<(String, i64)>> {
        let few = "SELECT sku, units FROM stock WHERE units < $1 ORDER BY units, sku";
        let few = query_as::<DB, _>(few).bind(units);
        Ok(few.fetch_all(&mut *conn).await?)
    }
}

/// Takes units out of the stock, which cannot become negative: the condition and the change are one
/// statement, so nobody comes between them.
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn take(tx: &mut Tx<'_, DB>, sku: &str, units: i64) -> Result<i64> {
    let take = "UPDATE stock SET units = units - $1 WHERE sku = $2 AND units >= $1 RETURNING units";
    let take = query_scalar(take).bind(units).bind(sku);
    let left = take.fetch_optional(&mut *tx).await?;
    left.ok_or_else(|| ShopError::SoldOut {
        sku: sku.to_owned(),
        units,
    })
}

/// Puts units into the stock.
#[transactional(on = [Sqlite, Postgres])]
pub(crate) async fn put_back(tx: &mut Tx<'_, DB>, sku: &str, units: i64) -> Result<()> {
    query(
        "INSERT INTO stock (sku, units) VALUES ($1, $2)
         ON CONFLICT (sku) DO UPDATE SET units = stock.units + excluded.units",
    )
    .bind(sku)
    .bind(units)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
