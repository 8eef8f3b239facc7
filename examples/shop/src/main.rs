//! A small online shop: some twenty functions, each written once, for SQLite and for PostgreSQL.
//!
//! ```text
//! cargo run -p shop                     in a temporary SQLite file
//! DATABASE_URL=postgres://user:password@localhost/shop cargo run -p shop
//! ```

mod carts;
mod catalogue;
mod coupons;
mod customers;
mod day;
mod error;
mod mails;
mod numbers;
mod orders;
mod payments;
mod report;
#[cfg(test)]
mod tests;
mod values;

use std::env;
use std::error::Error;

use dbop::AnyDb;
use sqlx::migrate::Migrator;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?; // removed when this function ends
    let db = match env::var_os("DATABASE_URL") {
        Some(_) => AnyDb::from_env().await?,
        None => {
            let file = folder.path().join("shop.db");
            AnyDb::connect(&format!("sqlite:{}?mode=rwc", file.display())).await?
        }
    };
    db.migrate(&MIGRATIONS).await?;
    let day = day::day(&db).await?;
    println!("A day in the shop on {}:\n", db.system());
    report::print(&day);
    db.close().await;
    Ok(())
}
