//! Plans cycles of tests: a language model proposes what is to be tested of each report, thousands of samples
//! are made of each proposal, and a site is scraped; on SQLite or PostgreSQL from the same functions.
//!
//! | part | modules |
//! |---|---|
//! | what takes long, as jobs that go on where a process has died | [`planning`], [`samples`], [`scraping`] |
//! | operations on the database | [`cycles`], [`analytics`], [`export`] |
//! | services that are slow and fail, with their clients | [`model`], [`site`], [`services`] |
//! | workers, and a whole cycle from start to end | [`workers`], [`run`], [`bars`] |
//! | the HTTP API, and a page with the jobs | [`http`] |
//!
//! Jobs belong to a handle of one database, so what concerns them is generic over [`dbop::jobs::JobDatabase`];
//! all else takes an [`AnyDb`](dbop::AnyDb).

pub mod analytics;
pub mod bars;
pub mod cycles;
pub mod error;
pub mod export;
pub mod http;
pub mod model;
pub mod planning;
pub mod run;
pub mod samples;
pub mod scraping;
pub mod services;
pub mod site;
#[cfg(test)]
mod tests;
pub mod workers;

use sqlx::migrate::Migrator;

/// The migrations, which both databases understand.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
