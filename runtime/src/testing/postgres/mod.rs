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
use sqlx_core::percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::database::{Request, TestBackend};
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
        let shown = shown(&Self::options(&place)?, &place.name);
        let keeping = session::on_server(move |session| {
            Box::pin(async move { session.keep(&place.name).await })
        });
        Ok(keeping.await?.then_some(shown))
    }
}

/// Writes the URL of a database, without a password, as both psql and sqlx read it.
fn shown(options: &PgConnectOptions, database: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
    const IN_QUERY: &AsciiSet = &ENCODED.remove(b'/');
    let user = utf8_percent_encode(options.get_username(), ENCODED);
    let (host, port) = (options.get_host(), options.get_port());
    let folder = match options.get_socket() {
        Some(folder) => folder.to_str(),
        None => host.starts_with('/').then_some(host),
    };
    match folder {
        Some(folder) => {
            let folder = utf8_percent_encode(folder, IN_QUERY);
            format!("postgres:///{database}?host={folder}&port={port}&user={user}")
        }
        // sqlx leaves an address of IPv6 as it is written: with brackets only in the URL's first part.
        None if host.contains(':') && !host.starts_with('[') => {
            format!("postgres://{user}@[{host}]:{port}/{database}")
        }
        None => format!("postgres://{user}@{host}:{port}/{database}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_shown_leads_to_the_server_and_has_no_password() {
        for (url, expected) in [
            (
                "postgres://ada:secret@db:5433/bank",
                "postgres://ada@db:5433/x",
            ),
            (
                "postgres://ada:secret@[::1]/bank",
                "postgres://ada@[::1]:5432/x",
            ),
            (
                "postgres://ada:secret@db/bank?host=::1",
                "postgres://ada@[::1]:5432/x",
            ),
            (
                "postgres://my_user%40corp%2Fa:secret@db/bank",
                "postgres://my_user%40corp%2Fa@db:5432/x",
            ),
            (
                "postgres://ada%26b:secret@%2Fvar%2Frun%20of%2Fpg:5433/bank",
                "postgres:///x?host=/var/run%20of/pg&port=5433&user=ada%26b",
            ),
            (
                "postgres:///bank?host=/tmp&port=5433&user=ada&password=secret",
                "postgres:///x?host=/tmp&port=5433&user=ada",
            ),
        ] {
            let of = |url: &str| url.parse::<PgConnectOptions>().expect("a URL");
            let url = shown(&of(url), "x");
            assert_eq!(url, expected);
            assert_eq!(shown(&of(&url), "x"), expected, "sqlx reads it back");
        }
    }
}
