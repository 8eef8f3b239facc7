//! The work that all contestants do, and the texts of its statements.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::load::Failure;

pub type Fallible<T> = Result<T, Failure>;

/// Accounts 1 to this.
pub const ACCOUNTS: i64 = 10_000;
/// What each of them has.
pub const CENTS: i64 = 1_000_000;
/// Rows of one multi-row statement: three parameters each, of the 32,766 that SQLite takes.
pub const ROWS_A_STATEMENT: usize = 1000;

// SQLite reads `$1` as Postgres does.
pub const BALANCE: &str = "SELECT cents FROM accounts WHERE id = $1";
pub const TAKE: &str = "UPDATE accounts SET cents = cents - $1 WHERE id = $2";
pub const GIVE: &str = "UPDATE accounts SET cents = cents + $1 WHERE id = $2";
pub const INSERT: &str = "INSERT INTO items (id, name, cents) VALUES ($1, $2, $3)";
/// What rows are pushed to.
pub const INSERT_MANY: &str = "INSERT INTO items (id, name, cents) ";

/// A row to insert.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: i64,
    pub name: String,
    pub cents: i64,
}

/// Rows that may be handed to another thread as they are.
pub type Items = Arc<[Item]>;

/// One contestant: the four pieces of work, each the way its library wants it written.
pub trait Bank: Send + Sync + 'static {
    fn balance(&self, id: i64) -> impl Future<Output = Fallible<i64>> + Send;

    /// Two updates in one transaction.
    fn transfer(&self, from: i64, to: i64, cents: i64)
    -> impl Future<Output = Fallible<()>> + Send;

    /// One transaction, one statement for each row.
    fn insert_each(&self, items: &Items) -> impl Future<Output = Fallible<()>> + Send;

    /// One transaction, one statement for each [`ROWS_A_STATEMENT`].
    fn insert_many(&self, items: &Items) -> impl Future<Output = Fallible<()>> + Send;
}

/// Where the bank is: what is done there between turns, outside of the time that is measured.
pub trait Place: Send + Sync + 'static {
    /// The items that are there are taken away again; says how many there were.
    fn clear(&self) -> BoxFuture<'_, Fallible<i64>>;

    /// All the money there is.
    fn total(&self) -> BoxFuture<'_, Fallible<i64>>;
}

/// The text that inserts so many rows, for drivers without a builder.
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
