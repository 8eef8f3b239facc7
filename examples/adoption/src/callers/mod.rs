//! The callers of the database functions. Nothing here knows whether the functions are annotated.

mod desk;
mod members;
mod shelves;

use std::fmt::Debug;
use std::pin::Pin;

use crate::app::App;
use crate::disturbance::Other;
use crate::error::{LibraryError, Result};
use crate::shapes::Shape;

type Called<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// One caller, and what the other connection does meanwhile if it disturbs.
pub(crate) struct Step {
    /// The shape of the function that meets the other connection.
    pub(crate) shape: Shape,
    pub(crate) other: Other,
    pub(crate) caller: fn(&App) -> Called<'_>,
}

/// Checks what a function has returned. A difference shows that an earlier function has returned `Ok`
/// for a write that did not take place.
fn expect<T: Debug + PartialEq<U>, U: Debug>(found: T, expected: U) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let what = format!("{found:?} in place of {expected:?}");
    Err(LibraryError::Unexpected(what))
}

/// Input: `shape, what the other connection does: callers;`.
macro_rules! steps {
    ($($shape:ident, $other:ident: $($caller:path),+;)+) => {
        &[$($(Step {
            shape: Shape::$shape,
            other: Other::$other,
            caller: |app| Box::pin($caller(app)),
        },)+)+]
    };
}

/// A day in the library.
pub(crate) const DAY: &[Step] = steps! {
    HandleInSelf, Reads: desk::new_books, desk::better_title;
    HandleInSelf, Writes: desk::looks_at_books;
    GenericExecutor, Reads: members::enrol, members::moves_house;
    GenericExecutor, Writes: members::looks_up;
    HandleInSelf, Reads: desk::lends, desk::extends, desk::takes_back, desk::retires;
    HandleInSelf, Writes: desk::looks_at_loans;
    MutConnection, Writes: desk::hands_over, desk::looks_at_one_member;
    Pool, Reads: members::fines, members::forgives, members::pays, members::merges;
    Pool, Writes: members::looks_at_fines;
    GenericExecutor, Reads: members::unblocks;
    TransactionAlias, Writes: desk::places_holds, desk::expires_holds;
    SqlxTransaction, Writes: shelves::sorts, shelves::clears;
    Extractor, Writes: shelves::shows_a_page;
    Extractor, Reads: shelves::changes_a_name, shelves::writes_an_entry;
    AtomicOperation, Writes: shelves::keeps_a_journal;
    OptionalTransaction, Reads: members::gets_a_card, members::gets_a_new_card;
    OptionalTransaction, Writes: members::brings_a_friend;
};
