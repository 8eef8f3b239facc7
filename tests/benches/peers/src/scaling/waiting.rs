//! What a caller costs that waits for a connection. This is measured in a process of its own,
//! because a resident set does not shrink again.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use harness::bank::{ACCOUNTS, Bank, Fallible};
use harness::same_work::POOL;
use tokio::task::JoinSet;

use super::crowd::{Gate, Holds};
use crate::peers::by_hand::ByHand;
use crate::peers::promising::Promising;
use crate::peers::{dbop, pools};

/// The counts of a counting allocator, less what was given back.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    pub allocated: i64,
    pub allocations: i64,
}

/// The costs of each waiting caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) bytes: f64,
    pub(super) allocations: f64,
    pub(super) resident: f64,
}

/// The variable that names the database. Its value holds a password, so it is not an argument.
const PLACE: &str = "PEERS_PLACE";

pub(super) async fn in_a_process(name: &str, place: &str, callers: usize) -> Fallible<Waiting> {
    let mut process = Command::new(std::env::current_exe()?);
    process.arg("waiting").arg(format!("{callers} {name}"));
    process.env(PLACE, place);
    let done = tokio::task::spawn_blocking(move || process.output()).await??;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into());
    }
    let text = String::from_utf8(done.stdout)?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [bytes, allocations, resident] = *numbers else {
        return Err(format!("not three numbers: {text}").into());
    };
    let each = |value: f64| value / callers as f64;
    Ok(Waiting {
        bytes: each(bytes),
        allocations: each(allocations),
        resident: each(resident),
    })
}

/// Runs in the process of [`in_a_process`], and returns what all callers together take.
///
/// # Errors
///
/// Returns the error of a database, or says that the arguments are not those of [`in_a_process`].
pub fn waiting(of: &str, counters: fn() -> Counters) -> BoxFuture<'_, Fallible<String>> {
    Box::pin(measure(of, counters))
}

async fn measure(of: &str, counters: fn() -> Counters) -> Fallible<String> {
    let (callers, name) = of.split_once(' ').ok_or("callers and a name")?;
    let callers = callers.parse()?;
    let place = std::env::var(PLACE)?;
    if place.starts_with("postgres:") {
        let pool = async || pools::postgres(&place, POOL).await;
        return match name {
            "dbop" => crowd(dbop::on_postgres(&place, POOL).await?, callers, counters).await,
            "sqlx" => crowd(ByHand(pool().await?), callers, counters).await,
            _ => crowd(Promising(pool().await?), callers, counters).await,
        };
    }
    let path = Path::new(&place);
    let pool = async || pools::sqlite(path, POOL).await;
    match name {
        "dbop" => crowd(dbop::on_sqlite(path, POOL).await?, callers, counters).await,
        "sqlx" => crowd(ByHand(pool().await?), callers, counters).await,
        _ => crowd(Promising(pool().await?), callers, counters).await,
    }
}

async fn crowd<B: Bank + Holds>(
    bank: B,
    callers: usize,
    counters: fn() -> Counters,
) -> Fallible<String> {
    let bank = Arc::new(bank);
    let read = |id: i64| {
        let bank = Arc::clone(&bank);
        async move { bank.balance(id % ACCOUNTS + 1).await }
    };
    // The first read allocates what is allocated only once.
    read(0).await?;
    let gate = Gate::new();
    let mut holders = JoinSet::new();
    for _ in 0..POOL {
        let (bank, gate) = (Arc::clone(&bank), Arc::clone(&gate));
        holders.spawn(async move { bank.hold(&gate).await });
    }
    gate.all_have_come(POOL).await;
    settle().await;
    let (before, resident) = (counters(), resident()?);
    let mut waiting = Vec::with_capacity(callers);
    for id in 0..callers {
        waiting.push(tokio::spawn(read(id as i64)));
    }
    settle().await;
    let (after, resident) = (counters(), self::resident()? - resident);
    gate.open();
    for held in holders.join_all().await {
        held?;
    }
    for read in waiting {
        read.await??;
    }
    let own = callers * size_of::<tokio::task::JoinHandle<Fallible<i64>>>();
    let bytes = after.allocated - before.allocated - own as i64; // less our own list
    let allocations = after.allocations - before.allocations - 1;
    Ok(format!("{bytes} {allocations} {resident}"))
}

/// Waits until all tasks have come as far as they can.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Returns how many bytes of this process are in memory.
fn resident() -> Fallible<i64> {
    const PAGE: i64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: i64 = statm.split(' ').nth(1).ok_or("no such number")?.parse()?;
    Ok(pages * PAGE)
}
