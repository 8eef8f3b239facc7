//! Postgres, where settings can be sent along with `BEGIN`, and any error aborts a transaction.

mod begin;
#[cfg(feature = "postgres")]
mod dialect;
#[cfg(feature = "postgres")]
mod migrations;
#[cfg(feature = "postgres")]
mod pool_plan;
#[cfg(feature = "postgres")]
mod recovery;
#[cfg(feature = "postgres")]
mod session_control;

#[cfg(feature = "postgres-sync")]
pub(crate) use begin::begin_sql;
