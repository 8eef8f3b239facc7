//! sea-orm: entities, and its `transaction`.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    DatabaseConnection, EntityTrait, IntoActiveModel, SqlxPostgresConnector, SqlxSqliteConnector,
    TransactionTrait,
};
use sqlx::PgPool;

use super::pools::Pools;
use harness::bank::{Bank, Fallible, Item, Items, ROWS_A_STATEMENT};

pub(crate) mod accounts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "accounts")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub cents: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod items {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "items")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub name: String,
        pub cents: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Debug)]
pub(crate) struct Sea {
    write: DatabaseConnection,
    read: DatabaseConnection,
}

impl Sea {
    pub(crate) fn on_sqlite(pools: Pools) -> Self {
        Self {
            write: SqlxSqliteConnector::from_sqlx_sqlite_pool(pools.write),
            read: SqlxSqliteConnector::from_sqlx_sqlite_pool(pools.read),
        }
    }

    pub(crate) fn on_postgres(pool: PgPool) -> Self {
        Self {
            write: SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone()),
            read: SqlxPostgresConnector::from_sqlx_postgres_pool(pool),
        }
    }
}

/// Adds to an account.
async fn add(db: &impl ConnectionTrait, id: i64, cents: i64) -> Result<(), DbErr> {
    accounts::Entity::update_many()
        .col_expr(
            accounts::Column::Cents,
            Expr::col(accounts::Column::Cents).add(cents),
        )
        .filter(accounts::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

fn model(item: &Item) -> items::ActiveModel {
    let Item { id, name, cents } = item.clone();
    items::Model { id, name, cents }.into_active_model()
}

impl Bank for Sea {
    async fn balance(&self, id: i64) -> Fallible<i64> {
        let account = accounts::Entity::find_by_id(id).one(&self.read).await?;
        Ok(account.ok_or("no such account")?.cents)
    }

    async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
        self.write
            .transaction::<_, (), DbErr>(|tx| {
                Box::pin(async move {
                    add(tx, from, -cents).await?;
                    add(tx, to, cents).await
                })
            })
            .await?;
        Ok(())
    }

    async fn insert_each(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        self.write
            .transaction::<_, (), DbErr>(|tx| {
                Box::pin(async move {
                    for item in items.iter() {
                        items::Entity::insert(model(item))
                            .exec_without_returning(tx)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }

    async fn insert_many(&self, items: &Items) -> Fallible<()> {
        let items = Items::clone(items);
        self.write
            .transaction::<_, (), DbErr>(|tx| {
                Box::pin(async move {
                    for some in items.chunks(ROWS_A_STATEMENT) {
                        items::Entity::insert_many(some.iter().map(model))
                            .exec_without_returning(tx)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }
}
