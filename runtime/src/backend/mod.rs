//! The databases that dbop speaks, and everything that differs between them.
//!
//! | what differs | trait |
//! |---|---|
//! | how SQL is read, and how a transaction begins | [`Dialect`] |
//! | how a statement is sent | [`Driver`] |
//! | what an open session is asked and told | [`SessionControl`] |
//! | what an error leaves of a session, and what is undone | [`Recovery`] |
//! | which pools there are, and where they lead | [`PoolPlan`] |

mod database_file;
mod dialect;
mod driver;
mod leftover;
mod pool_plan;
#[cfg(any(feature = "postgres", feature = "postgres-client"))]
mod postgres;
mod recovery;
mod session_control;
mod signals;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;
mod url;

use std::fmt::Debug;

use sqlx::Database;

pub(crate) use database_file::DatabaseFile;
pub(crate) use dialect::{BeginOptions, CommentSyntax, Dialect, KnownDatabase};
pub(crate) use driver::Driver;
pub(crate) use leftover::{Leftover, Traces};
pub(crate) use pool_plan::{Options, Plan, PoolPlan, SessionSettings};
#[cfg(feature = "postgres-client")]
pub(crate) use postgres::begin_sql;
pub(crate) use recovery::Recovery;
pub(crate) use session_control::{Liveness, SessionControl};
pub(crate) use signals::{Ends, Signals};
pub(crate) use statement::Statement;
pub(crate) use url::scheme;

/// A database that dbop supports: `sqlx::Sqlite` and `sqlx::Postgres`, each behind the feature of
/// its name. Sealed: the promises of this crate are kept database by database.
pub trait Backend:
    Database<Connection: Debug + Sync> + Dialect + Driver + SessionControl + Recovery + PoolPlan
{
}

// One by one, and not for every type with these traits: the compiler then proves what `Backend` asks for once, here,
// and not again, down to the last field of a connection, wherever a user's function names a session.
#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {}
