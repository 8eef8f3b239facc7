//! A small bank on dbop, on SQLite or on PostgreSQL: a thousand concurrent transfers, some of which are
//! refused, one that is retried, and the proof that no money was made or lost.
//!
//! ```text
//! cargo run -p quickstart
//! cargo run -p quickstart -- --database postgres://user:password@localhost/db
//! ```

mod bank;
mod report;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bank::BankError;
use clap::Parser;
use dbop::AnyDb;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const TRANSFERS: i64 = 1000;
const TASKS: i64 = 32;

/// Account 0 pays the wages, accounts 1 to 19 belong to people, and account 20 is closed.
const EMPLOYER: i64 = 0;
const PEOPLE: i64 = 19;
const CLOSED: i64 = 20;
const CENTS_EACH: i64 = 100_000;
const WAGE: i64 = 100;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs a small bank and proves that no money was made or lost.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where the bank is: `sqlite:FILE?mode=rwc` or `postgres://USER:PASSWORD@HOST/DATABASE`. The
    /// table `quickstart_accounts` is created anew there. Without this option, the bank is in a
    /// temporary SQLite file.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

/// Checks the URL. This is not a `value_parser`, because clap would repeat the value in its
/// message, password and all.
fn check(url: &str) -> Result<(), &'static str> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        // The conflict needs a second connection to the same database.
        return Err("a database in memory has one connection only; name a file");
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Fallible<()> {
    let folder = tempfile::tempdir()?; // removed when this function ends
    let file = format!(
        "sqlite:{}?mode=rwc",
        folder.path().join("bank.db").display()
    );
    let url = arguments.database.unwrap_or(file);
    check(&url)?;
    let db = AnyDb::connect(&url).await?; // SQLite or PostgreSQL, as the URL says
    let done = business(&db, &url).await;
    db.close().await;
    done
}

async fn business(db: &AnyDb, url: &str) -> Fallible<()> {
    let began = Instant::now();
    bank::open(db, CLOSED, CENTS_EACH).await?;
    let before = bank::total(db).await?;

    let tally = transfers(db, before).await?;
    println!("{TRANSFERS} transfers by {TASKS} tasks at a time:");
    println!("  {:>4} went through", tally.done);
    println!("  {:>4} refused: insufficient funds", tally.insufficient);
    println!(
        "  {:>4} taken back: the receiving account is closed",
        tally.closed
    );

    let held = meet_a_locked_account(db, url).await?;
    println!("two transfers met an account that another program held for {held:?};");
    let again = report::retried(&["settle", "shift"]);
    println!("  this database refused one of them, and dbop ran {again}");

    let paid = payday(db).await?;
    println!(
        "a payday paid {PEOPLE} wages of {WAGE} cents in one transaction; the next one, of {paid} cents,"
    );
    println!("  ran out of money at the last wage and left nothing behind");

    println!("\n{}\n", report::table(dbop::metrics()));

    let after = bank::total(db).await?;
    if after != before {
        return Err(format!("the bank had {before} cents and now has {after}").into());
    }
    let took = began.elapsed().as_secs_f64();
    println!("The sum of all accounts is unchanged: {after} cents. ({took:.1} s)");
    Ok(())
}

/// How many transfers have ended in each way.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    insufficient: u64,
    closed: u64,
}

/// Makes the transfers, `TASKS` at a time. After every tenth, looks at the total, which must be
/// right at any moment and not only at the end.
async fn transfers(db: &AnyDb, total: i64) -> Fallible<Tally> {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let db = db.clone();
        tasks.spawn(async move {
            let mut ends = Vec::new();
            for number in (task..TRANSFERS).step_by(TASKS as usize) {
                ends.push(transfer(&db, number, total).await);
                if number % 10 == 0 {
                    let seen = bank::total(&db).await?;
                    if seen != total {
                        return Err(format!("{seen} cents seen instead of {total}").into());
                    }
                }
            }
            Fallible::Ok(ends)
        });
    }
    let mut tally = Tally::default();
    while let Some(ends) = tasks.join_next().await {
        for end in ends?? {
            match end {
                Ok(()) => tally.done += 1,
                Err(BankError::InsufficientFunds(_)) => tally.insufficient += 1,
                Err(BankError::Closed(_)) => tally.closed += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(tally)
}

/// Makes a transfer. Two of fifty fail on purpose. Money goes only to the account with the higher
/// number, so that rows are locked in one order and Postgres has no deadlock to break.
async fn transfer(db: &AnyDb, number: i64, total: i64) -> Result<(), BankError> {
    let from = 1 + number % (PEOPLE - 1);
    let to = from + 1 + number / PEOPLE % (PEOPLE - from);
    match number % 50 {
        17 => bank::transfer(db, from, to, total).await,
        42 => bank::gift(db, from, CLOSED, 5).await,
        _ => bank::transfer(db, from, to, 1 + number % 100).await,
    }
}

/// Makes two transfers while another connection holds a lock. The database reports a real conflict for
/// one of them, and dbop resolves it by trying again. Returns how long the lock was held.
async fn meet_a_locked_account(db: &AnyDb, url: &str) -> Fallible<Duration> {
    const HELD: Duration = Duration::from_millis(600); // SQLite itself waits for 250 ms
    let other = AnyDb::connect(url).await?; // a handle of its own, as another program has
    let locked = Notify::new();
    let transfers = async {
        locked.notified().await;
        tokio::try_join!(bank::settle(db, 1, 2, 100), bank::shift(db, 1, 2, 100))
    };
    let done = tokio::try_join!(bank::hold(&other, 1, HELD, &locked), transfers);
    other.close().await;
    done?;
    Ok(HELD)
}

/// Makes a payday that works, and one that cannot. Returns the wage that the second one asked for.
async fn payday(db: &AnyDb) -> Fallible<i64> {
    let staff: Vec<i64> = (1..=PEOPLE).collect();
    bank::payday(db, EMPLOYER, &staff, WAGE).await?;

    let left = bank::balance(db, EMPLOYER).await?;
    let too_much = left / PEOPLE + 1;
    match bank::payday(db, EMPLOYER, &staff, too_much).await {
        Err(BankError::InsufficientFunds(EMPLOYER)) => {}
        Err(error) => return Err(error.into()),
        Ok(()) => return Err("a payday without enough money went through".into()),
    }
    if bank::balance(db, EMPLOYER).await? != left {
        return Err("the payday that failed has left something behind".into());
    }
    Ok(too_much)
}
