//! The databases that dbop speaks, and everything that differs between them.
//!
//! | what differs | trait |
//! |---|---|
//! | how SQL is read, and how a transaction begins | [`Dialect`] |
//! | how a statement is sent | [`Driver`] |
//! | what dbop asks of an open session, and tells it | [`SessionControl`] |
//! | what an error does to a session, and how a session is cleaned up | [`Recovery`] |
//! | which pools there are, and where they lead | [`PoolPlan`] |
//! | how migrations run, one process at a time | [`Migrations`] |

#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub(crate) mod choice;
mod database_file;
mod deadlock;
mod dialect;
mod driver;
mod leftover;
mod migrations;
mod pool_plan;
#[cfg(any(feature = "postgres", feature = "postgres-sync"))]
mod postgres;
mod recovery;
mod session_control;
mod signals;
mod sqlalchemy;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;
mod url;

use std::fmt::Debug;

use sqlx::Database;

pub(crate) use database_file::DatabaseFile;
pub(crate) use deadlock::Deadlock;
pub(crate) use dialect::{BatchedForms, BeginOptions, CommentSyntax, Dialect, KnownDatabase};
pub(crate) use driver::Driver;
pub(crate) use leftover::{Leftover, Traces};
pub(crate) use migrations::Migrations;
pub(crate) use pool_plan::{Location, Options, Plan, PoolPlan, SessionSettings, options_of};
#[cfg(feature = "postgres-sync")]
pub(crate) use postgres::begin_sql;
pub(crate) use recovery::{OpenedWith, Recovery};
pub(crate) use session_control::{Liveness, SessionControl};
pub(crate) use signals::{Ends, Signals};
pub(crate) use statement::Statement;
pub(crate) use url::{database_of, scheme};

/// A database that dbop supports: `sqlx::Sqlite` with the feature `sqlite`, and `sqlx::Postgres`
/// with the feature `postgres`.
///
/// The trait is sealed, because the promises of this crate have to be kept for each database.
pub trait Backend:
    Database<Connection: Debug + Sync>
    + Dialect
    + Driver
    + SessionControl
    + Recovery
    + PoolPlan
    + Migrations
{
    /// The name that OpenTelemetry gives the database in `db.system.name`: `"sqlite"` or
    /// `"postgresql"`
    /// (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>).
    ///
    /// ```
    /// use dbop::{Conn, db_op};
    ///
    /// #[db_op(read_only, on = [Sqlite, Postgres])]
    /// async fn system(conn: &mut Conn<'_, DB>) -> dbop::Result<&'static str> {
    ///     Ok(DB::SYSTEM)
    /// }
    /// ```
    const SYSTEM: &'static str;
}

// These are two impls and not one for every type with these traits. The compiler then proves what
// `Backend` asks for once, here. With one impl it would prove it again, down to the last field of a
// connection, wherever a user's function names a session.
#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {
    const SYSTEM: &'static str = "postgresql";
}

#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {
    const SYSTEM: &'static str = "sqlite";
}
