//! A small lending library over sqlx: fifty database functions in the shapes that real applications
//! have, with dbop's attributes and without, and the same callers.
//!
//! ```text
//! cargo run -p adoption                         with the attributes
//! cargo run -p adoption --no-default-features   the application before
//! ```

mod app;
mod callers;
mod day;
mod disturbance;
mod error;
mod report;
mod shapes;
#[cfg(test)]
mod tests;

use std::error::Error;

use app::App;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    disturbance::listen();
    let folder = tempfile::tempdir()?;
    let app = App::open(folder.path()).await?;
    let day = day::day(&app, true).await?;
    app.pool.close().await;

    let with = ["without", "with"][usize::from(cfg!(feature = "dbop"))];
    println!("A day {with} dbop, while another connection holds locks:\n");
    println!("{}\n{}", report::table(&day), report::LEGEND);
    let (loans, cents) = (day.loans, day.cents_of_fines);
    println!("These callers were called again when the lock was gone. At the end of the day there");
    println!("are {loans} loans, and fines of {cents} cents.");
    Ok(())
}
