//! Databases of PostgreSQL for tests, in the server that `DBOP_TEST_DATABASE_URL` names.
//!
//! | module | holds |
//! |---|---|
//! | [`session`] | the process's session on the server, which makes and drops databases |
//! | [`mark`] | the comment by which dbop knows its databases |
//! | [`template`] | the databases that the others are copied from |
//! | [`leftovers`] | what is dropped at the next run |

mod leftovers;
mod mark;
mod session;
mod template;

use sqlx::Postgres;
use sqlx::postgres::PgConnectOptions;

use super::database::{Request, TestBackend};
use crate::backend::PoolPlan;
use crate::error::Result;

/// A database of a test.
#[derive(Debug)]
pub struct PostgresPlace {
    name: String,
}

impl TestBackend for Postgres {
    type Place = PostgresPlace;

    const IS_COPIED: bool = true;

    async fn create(request: Request<'_>) -> Result<PostgresPlace> {
        let (test, migrations) = (request.test.to_owned(), request.migrations);
        let name = session::on_server(move |session| {
            Box::pin(async move {
                let template = match migrations {
                    Some(migrations) => Some(template::ready(session, migrations).await?),
                    None => None,
                };
                session.create(&test, template.as_deref()).await
            })
        });
        Ok(PostgresPlace { name: name.await? })
    }

    fn options(place: &PostgresPlace) -> Result<PgConnectOptions> {
        Ok(session::server()?.database(&place.name))
    }

    async fn sessions_on(place: &PostgresPlace) -> Result<Vec<String>> {
        let name = place.name.clone();
        session::on_server(move |session| Box::pin(async move { session.sessions_on(&name).await }))
            .await
    }

    async fn remove(place: PostgresPlace) -> Result<()> {
        session::on_server(move |session| {
            Box::pin(async move { session.drop_database(&place.name).await })
        })
        .await
    }

    async fn keep(place: PostgresPlace) -> Result<Option<String>> {
        let options = Self::options(&place)?;
        let user = options.get_username();
        let shown = format!("postgres://{user}@{}/{}", Self::place(&options), place.name);
        let keeping = session::on_server(move |session| {
            Box::pin(async move { session.keep(&place.name).await })
        });
        Ok(keeping.await?.then_some(shown))
    }
}
