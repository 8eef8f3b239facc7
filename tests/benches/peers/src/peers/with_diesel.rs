//! diesel-async. On Postgres it runs on tokio-postgres, and on SQLite on diesel's own connection on
//! tokio's blocking pool.

use std::path::Path;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;

use super::spawned::{READER, WRITER};
use harness::bank::{Bank, Fallible, Item, Items, ROWS_A_STATEMENT};

type Blocking = SyncConnectionWrapper<SqliteConnection>;

diesel::table! {
    accounts (id) {
        id -> BigInt,
        cents -> BigInt,
    }
}

diesel::table! {
    items (id) {
        id -> BigInt,
        name -> Text,
        cents -> BigInt,
    }
}

#[derive(Insertable)]
#[diesel(table_name = items)]
#[diesel(treat_none_as_default_value = false)] // SQLite has no DEFAULT in rows
struct NewItem<'a> {
    id: i64,
    name: &'a str,
    cents: i64,
}

impl<'a> From<&'a Item> for NewItem<'a> {
    fn from(item: &'a Item) -> Self {
        Self {
            id: item.id,
            name: &item.name,
            cents: item.cents,
        }
    }
}

pub(crate) struct WithDiesel<P> {
    write: P,
    read: P,
}

type OnPostgres = WithDiesel<Pool<AsyncPgConnection>>;
type OnSqlite = WithDiesel<Pool<Blocking>>;

/// Returns a configuration for connections that run `setup` and are not tried before each use.
fn config<C: AsyncConnection + 'static>(setup: &'static str) -> ManagerConfig<C> {
    let mut config = ManagerConfig::<C>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        async move {
            let mut conn = C::establish(url).await?;
            let ready = conn.batch_execute(setup).await;
            ready.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            Ok(conn)
        }
        .boxed()
    });
    config
}

impl OnSqlite {
    pub(crate) fn on_sqlite(file: &Path, readers: u32) -> Fallible<Self> {
        let url = file.display().to_string();
        let pool = |setup, connections: u32| {
            let manager = AsyncDieselConnectionManager::new_with_config(&url, config(setup));
            Pool::builder(manager)
                .max_size(connections as usize)
                .build()
        };
        Ok(Self {
            write: pool(WRITER, 1)?,
            read: pool(READER, readers)?,
        })
    }
}

impl OnPostgres {
    pub(crate) fn on_postgres(url: &str, connections: u32) -> Fallible<Self> {
        let manager = AsyncDieselConnectionManager::new_with_config(url, config(""));
        let pool = Pool::builder(manager)
            .max_size(connections as usize)
            .build()?;
        Ok(Self {
            write: pool.clone(),
            read: pool,
        })
    }
}

async fn insert_on_postgres(tx: &mut AsyncPgConnection, items: &Items) -> QueryResult<()> {
    for some in items.chunks(ROWS_A_STATEMENT) {
        let some: Vec<_> = some.iter().map(NewItem::from).collect();
        diesel::insert_into(items::table)
            .values(some)
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// Inserts several rows in a statement. On SQLite, diesel can do this only on its own connection.
async fn insert_on_sqlite(tx: &mut Blocking, items: &Items) -> QueryResult<()> {
    let items = Items::clone(items);
    tx.spawn_blocking(move |conn| {
        for some in items.chunks(ROWS_A_STATEMENT) {
            let some: Vec<_> = some.iter().map(NewItem::from).collect();
            let insert = diesel::insert_into(items::table).values(some);
            diesel::RunQueryDsl::execute(insert, conn)?;
        }
        Ok(())
    })
    .await
}

macro_rules! bank {
    ($Diesel:ty, $transaction:ident, $insert_all:ident) => {
        impl Bank for $Diesel {
            async fn balance(&self, id: i64) -> Fallible<i64> {
                let mut conn = self.read.get().await?;
                let cents = accounts::table.find(id).select(accounts::cents);
                Ok(cents.first(&mut conn).await?)
            }

            async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
                let mut conn = self.write.get().await?;
                conn.$transaction(async |tx| {
                    diesel::update(accounts::table.find(from))
                        .set(accounts::cents.eq(accounts::cents - cents))
                        .execute(tx)
                        .await?;
                    diesel::update(accounts::table.find(to))
                        .set(accounts::cents.eq(accounts::cents + cents))
                        .execute(tx)
                        .await?;
                    QueryResult::Ok(())
                })
                .await?;
                Ok(())
            }

            async fn insert_each(&self, items: &Items) -> Fallible<()> {
                let mut conn = self.write.get().await?;
                conn.$transaction(async |tx| {
                    for item in items.iter() {
                        diesel::insert_into(items::table)
                            .values(NewItem::from(item))
                            .execute(tx)
                            .await?;
                    }
                    QueryResult::Ok(())
                })
                .await?;
                Ok(())
            }

            async fn insert_many(&self, items: &Items) -> Fallible<()> {
                let mut conn = self.write.get().await?;
                conn.$transaction(async |tx| {
                    $insert_all(tx, items).await?;
                    QueryResult::Ok(())
                })
                .await?;
                Ok(())
            }
        }
    };
}

bank!(OnPostgres, transaction, insert_on_postgres);
bank!(OnSqlite, immediate_transaction, insert_on_sqlite);
