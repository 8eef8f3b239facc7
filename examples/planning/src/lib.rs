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
