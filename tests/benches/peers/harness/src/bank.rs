//! The work that all contestants do, and the text of its statements.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::load::Failure;

pub type Fallible<T> = Result<T, Failure>;

/// The accounts have the numbers 1 to this.
pub const ACCOUNTS: i64 = 10_000;
/// The balance of each account.
pub const CENTS: i64 = 1_000_000;
/// The number of rows in a multi-row statement. Each row has three parameters, and SQLite takes
/// 32,766 of them.
pub const ROWS_A_STATEMENT: usize = 1000;

// SQLite reads `$1` as Postgres does, so one text serves both.
pub const BALANCE: &str = "SELECT cents FROM accounts WHERE id = $1";
pub const TAKE: &str = "UPDATE accounts SET cents = cents - $1 WHERE id = $2";
pub const GIVE: &str = "UPDATE accounts SET cents = cents + $1 WHERE id = $2";
pub const INSERT: &str = "INSERT INTO items (id, name, cents) VALUES ($1, $2, $3)";
/// The text to which rows are appended.
pub const INSERT_MANY: &str = "INSERT INTO items (id, name, cents) ";

/// A row to insert.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: i64,
    pub name: String,
    pub cents: i64,
}

/// Rows that can be handed to another thread without a copy.
pub type Items = Arc<[Item]>;

/// A contestant: four pieces of work, each written in the way its library suggests.
pub trait Bank: Send + Sync + 'static {
    fn balance(&self, id: i64) -> impl Future<Output = Fallible<i64>> + Send;

    /// Makes two updates in one transaction.
    fn transfer(&self, from: i64, to: i64, cents: i64)
    -> impl Future<Output = Fallible<()>> + Send;

    /// Inserts rows in one transaction, with a statement for each row.
    fn insert_each(&self, items: &Items) -> impl Future<Output = Fallible<()>> + Send;

    /// Inserts rows in one transaction, with a statement for every [`ROWS_A_STATEMENT`] rows.
    fn insert_many(&self, items: &Items) -> impl Future<Output = Fallible<()>> + Send;
}

/// The database that holds the bank, and what is done there between turns, outside the measured
/// time.
pub trait Place: Send + Sync + 'static {
    /// Deletes all items. Returns how many there were.
    fn clear(&self) -> BoxFuture<'_, Fallible<i64>>;

    /// Returns the sum of all accounts.
    fn total(&self) -> BoxFuture<'_, Fallible<i64>>;
}

/// Returns the text that inserts this many rows, for drivers without a query builder.
///
/// # Panics
///
/// Never: a `String` takes everything.
#[must_use]
pub fn insert_many(rows: usize) -> String {
    let mut text = format!("{INSERT_MANY}VALUES ");
    for row in 0..rows {
        let comma = if row == 0 { "" } else { ", " };
        let first = row * 3 + 1;
        write!(text, "{comma}(${first}, ${}, ${})", first + 1, first + 2)
            .expect("a String takes everything");
    }
    text
}
