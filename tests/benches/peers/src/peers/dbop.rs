//! dbop, as its README recommends.

use std::path::Path;
use std::time::Duration;

use dbop::Db;
use sqlx::{Postgres, Sqlite};

use harness::bank::{Bank, Fallible, Items};

/// A handle, as a user would have it.
pub(crate) struct Dbop<DB: dbop::Backend>(pub(crate) Db<DB>);

macro_rules! bank {
    ($module:ident, $Database:ident) => {
        mod $module {
            use dbop::{Conn, Tx, db_op, transactional};
            use sqlx::{QueryBuilder, $Database};

            use harness::bank::{BALANCE, GIVE, INSERT, INSERT_MANY, Item, ROWS_A_STATEMENT, TAKE};

            #[db_op(read_only)]
            pub(super) async fn balance(
                conn: &mut Conn<'_, $Database>,
                id: i64,
            ) -> dbop::Result<i64> {
                Ok(sqlx::query_scalar(BALANCE)
                    .bind(id)
                    .fetch_one(&mut *conn)
                    .await?)
            }

            #[transactional]
            pub(super) async fn transfer(
                tx: &mut Tx<'_, $Database>,
                from: i64,
                to: i64,
                cents: i64,
            ) -> dbop::Result<()> {
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

            #[transactional(timeout = "5m")]
            #[dbop::allow(query_in_loop, reason = "one by one is what is measured")]
            pub(super) async fn insert_each(
                tx: &mut Tx<'_, $Database>,
                items: &[Item],
            ) -> dbop::Result<()> {
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

            #[transactional(timeout = "5m")]
            #[dbop::allow(query_in_loop, reason = "each takes as many rows as the database does")]
            pub(super) async fn insert_many(
                tx: &mut Tx<'_, $Database>,
                items: &[Item],
            ) -> dbop::Result<()> {
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

        impl Bank for Dbop<$Database> {
            async fn balance(&self, id: i64) -> Fallible<i64> {
                Ok($module::balance(&self.0, id).await?)
            }

            async fn transfer(&self, from: i64, to: i64, cents: i64) -> Fallible<()> {
                Ok($module::transfer(&self.0, from, to, cents).await?)
            }

            async fn insert_each(&self, items: &Items) -> Fallible<()> {
                Ok($module::insert_each(&self.0, items).await?)
            }

            async fn insert_many(&self, items: &Items) -> Fallible<()> {
                Ok($module::insert_many(&self.0, items).await?)
            }
        }
    };
}

bank!(sqlite, Sqlite);
bank!(postgres, Postgres);

pub(crate) async fn on_sqlite(file: &Path, connections: u32) -> Fallible<Dbop<Sqlite>> {
    let url = format!("sqlite:{}", file.display());
    let db = Db::builder().url(url).max_connections(connections);
    Ok(Dbop(db.acquire_timeout(WAIT).connect().await?))
}

pub(crate) async fn on_postgres(url: &str, connections: u32) -> Fallible<Dbop<Postgres>> {
    let db = Db::builder().url(url).max_connections(connections);
    Ok(Dbop(db.acquire_timeout(WAIT).connect().await?))
}

/// How long to wait for a connection where many tasks wait for few. The peers' pools wait as long.
const WAIT: Duration = Duration::from_secs(30);
