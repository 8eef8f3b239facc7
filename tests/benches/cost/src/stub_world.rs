//! The sessions of all sides with the stub. They are opened with the same settings, one at a time.

use dbop::Db;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Postgres};
use tempfile::TempDir;
use tokio::net::UnixListener;

use crate::{careful, stub};

type Failure = Box<dyn std::error::Error>;

/// The pools of the sessions. As in dbop, reads have sessions of their own, which were opened
/// read-only.
pub(crate) struct StubWorld {
    pub(crate) db: Db<Postgres>,
    pub(crate) careful: careful::Database<Postgres>,
    pub(crate) careful_readers: careful::Database<Postgres>,
    pub(crate) pool: PgPool,
    pub(crate) readers: PgPool,
    _folder: TempDir,
}

impl StubWorld {
    pub(crate) async fn open() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        // Drivers look for a socket of this name.
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432"))?;
        tokio::spawn(stub::serve(listener));
        let url = format!(
            "postgres://dbop@localhost/dbop?host={}",
            folder.path().display()
        );
        let options = options(&url)?;
        let read_only = options
            .clone()
            .options([("default_transaction_read_only", "on")]);
        Ok(Self {
            db: Db::builder().url(&url).max_connections(1).connect().await?,
            careful: careful::Database::open(pool(), options.clone()),
            careful_readers: careful::Database::open(pool(), read_only.clone()),
            pool: pool().connect_lazy_with(options),
            readers: pool().connect_lazy_with(read_only),
            _folder: folder,
        })
    }
}

/// Returns the options with which dbop opens a session.
fn options(url: &str) -> Result<PgConnectOptions, Failure> {
    Ok(url
        .parse::<PgConnectOptions>()?
        .log_statements(log::LevelFilter::Trace)
        .options([
            ("statement_timeout", "30000"),
            ("idle_in_transaction_session_timeout", "60000"),
            ("client_connection_check_interval", "100"),
        ]))
}

fn pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
}
