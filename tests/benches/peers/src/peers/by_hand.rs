//! sqlx without anything around it, which is as fast as sqlx can be and promises nothing.

use sqlx::{PgPool, Postgres, QueryBuilder, Sqlite};

use super::pools::Pools;
use harness::bank::{
    BALANCE, Bank, Fallible, GIVE, INSERT, INSERT_MANY, Item, Items, ROWS_A_STATEMENT, TAKE,
};

#[derive(Debug)]
pub(crate) struct ByHand<P>(pub(crate) P);

macro_rules! bodies {
    ($module:ident, $Database:ident) => {
        pub(super) mod $module {
            use super::*;

            type Connection = <$Database as sqlx::Database>::Connection;

            pub(crate) async fn transfer(
                tx: &mut Connection,
                from: i64,
                to: i64,
                cents: i64,
            ) -> sqlx::Result<()> {
                sqlx::query(TAKE)
                    .bind(cents)
                    .bind(from)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(GIVE)
                    .bind(cents)
                    .bind(to)
                    .execute(&mut *tx)
                    .await?;
                Ok(())
            }

            pub(crate) async fn insert_each(
                tx: &mut Connection,
                items: &[Item],
            ) -> sqlx::Result<()> {
                for item in items {
                    sqlx::query(INSERT)
                        .bind(item.id)
                        .bind(&item.name)
                        .bind(item.cents)
                        .execute(&mut *tx)
                        .await?;
                }
                Ok(())
            }

            pub(crate) async fn insert_many(
                tx: &mut Connection,
                items: &[Item],
            ) -> sqlx::Result<()> {
                for some in items.chunks(ROWS_A_STATEMENT) {
                    let mut insert = QueryBuilder::<$Database>::new(INSERT_MANY);
                    insert.push_values(some, |mut row, item| {
                        row.push_bind(item.id)
                            .push_bind(&item.name)
                            .push_bind(item.cents);
                    });
                    insert.build().execute(&mut *tx).await?;
                }
                Ok(())
            }
        }
    };
}

bodies!(on_sqlite, Sqlite);
bodies!(on_postgres, Postgres);

impl Bank for ByHand<Pools> {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        let cents = sqlx::query_scalar(BALANCE).bind(id);
        Ok(cents.fetch_one(&self.0.read).await?)
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        let mut tx = self.0.write.begin_with("BEGIN IMMEDIATE").await?;
        on_sqlite::transfer(&mut tx, from, to, cents).await?;
        Ok(tx.commit().await?)
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        let mut tx = self.0.write.begin_with("BEGIN IMMEDIATE").await?;
        on_sqlite::insert_each(&mut tx, items).await?;
        Ok(tx.commit().await?)
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        let mut tx = self.0.write.begin_with("BEGIN IMMEDIATE").await?;
        on_sqlite::insert_many(&mut tx, items).await?;
        Ok(tx.commit().await?)
    }
}

impl Bank for ByHand<PgPool> {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        let cents = sqlx::query_scalar(BALANCE).bind(id);
        Ok(cents.fetch_one(&self.0).await?)
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        let mut tx = self.0.begin().await?;
        on_postgres::transfer(&mut tx, from, to, cents).await?;
        Ok(tx.commit().await?)
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        let mut tx = self.0.begin().await?;
        on_postgres::insert_each(&mut tx, items).await?;
        Ok(tx.commit().await?)
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        let mut tx = self.0.begin().await?;
        on_postgres::insert_many(&mut tx, items).await?;
        Ok(tx.commit().await?)
    }
}
