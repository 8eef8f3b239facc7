//! A savepoint inside a transaction, for [`Tx::savepoint`](crate::Tx::savepoint) and for `nested`
//! operations.
//!
//! dbop sends statements of its own instead of using sqlx's nested `begin`. That `begin` counts the
//! savepoint as open before its `SAVEPOINT` has run. If it is dropped at that point, it rolls back
//! the outer transaction, later statements commit by themselves, and the outer `commit` returns
//! `Ok`.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tokio::time::Instant;

use super::executor;
use super::state::State;
use super::tx_state::{TxState, Undo};
use super::view::View;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, SharedError};

/// A savepoint, open until [`close`](Self::close) has finished. If it is dropped before that, the
/// whole transaction is aborted, because it is not known which work inside the savepoint stands.
#[derive(Debug)]
pub(crate) struct Savepoint<'a, DB: Backend> {
    view: View<'a, DB>,
    /// How many hooks the transaction had when the savepoint was opened.
    hooks: usize,
    /// Whether the savepoint has ended.
    over: bool,
}

impl<'a, DB: Backend> Savepoint<'a, DB> {
    /// Makes a savepoint whose statement has yet to be sent with [`set`](Self::set), so that a drop
    /// or an error during that statement is noticed.
    pub(crate) fn new(view: View<'a, DB>) -> Self {
        let mut savepoint = Self {
            view,
            hooks: 0,
            over: true,
        };
        savepoint.open_again();
        savepoint
    }

    /// Opens the savepoint once more after it has ended.
    pub(crate) fn open_again(&mut self) {
        let tx = tx_of(&mut self.view);
        tx.depth += 1;
        self.hooks = tx.hooks.len();
        self.over = false;
    }

    /// Sends the statement that sets the savepoint.
    pub(crate) async fn set(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if let Some(refused) = self.view.state.refusal(now) {
            // Nothing was sent, so there is nothing to undo, and an outer savepoint may go on.
            self.end();
            return Err(refused.into());
        }
        Ok(self.send(Verb::Set, now).await?)
    }

    /// Returns the view to lend to the code inside the savepoint.
    pub(crate) fn view(&mut self) -> View<'_, DB> {
        self.view.reborrow()
    }

    /// Ends the savepoint. `keep` is whether the code inside it returned `Ok`.
    ///
    /// Returns an error if the work of the savepoint had to be undone despite `keep`, or if the
    /// savepoint could not be released.
    pub(crate) async fn close(&mut self, keep: bool) -> Result<(), Error> {
        if keep {
            let View { conn, state } = self.view.reborrow();
            // If a statement has failed, its error may have ended the transaction.
            executor::settle_transaction::<DB>(conn, state).await?;
        }
        let depth = tx_of(&mut self.view).depth;
        let undo = tx_of(&mut self.view).must_undo(depth);
        match (keep, undo) {
            (true, Undo::No) => {
                self.send(Verb::Release, Instant::now()).await?;
                self.end();
                Ok(())
            }
            (true, Undo::WithError(error)) => {
                self.undo().await;
                Err(error)
            }
            _ => {
                self.undo().await;
                Ok(())
            }
        }
    }

    /// Rolls back to the savepoint. If that fails, the whole transaction is aborted. If the whole
    /// transaction is aborted already, there is nothing to undo.
    async fn undo(&mut self) {
        let hooks = self.hooks;
        tx_of(&mut self.view).hooks.truncate(hooks);
        tx_of(&mut self.view).undone();
        let aborted = tx_of(&mut self.view).poison.is_some();
        if !aborted {
            let undone = match self.send(Verb::RollBackTo, Instant::now()).await {
                Ok(()) => self.send(Verb::Release, Instant::now()).await,
                failed => failed,
            };
            if let Err(error) = undone {
                self.view.state.poison(0, SharedError::of(&error));
            }
        }
        self.end();
    }

    fn end(&mut self) {
        self.over = true;
        tx_of(&mut self.view).depth -= 1;
    }

    async fn send(&mut self, verb: Verb, now: Instant) -> sqlx::Result<()> {
        let View { conn, state } = self.view.reborrow();
        let sql = text(verb, tx(state).depth);
        executor::run_again::<DB>(conn, state, sql, now).await
    }
}

impl<DB: Backend> Drop for Savepoint<'_, DB> {
    fn drop(&mut self) {
        if !self.over {
            let error = Error::programming(
                ErrorKind::TransactionAborted,
                "a savepoint was dropped before its end, so the transaction was rolled back",
            );
            self.view.state.poison(0, SharedError::of(&error.into()));
            tx_of(&mut self.view).depth -= 1;
        }
    }
}

/// A statement about a savepoint.
#[derive(Clone, Copy)]
enum Verb {
    Set,
    Release,
    RollBackTo,
}

/// Returns the text of a statement about the savepoint at `depth`. The texts for the usual depths
/// are constants.
fn text(verb: Verb, depth: u32) -> SqlStr {
    macro_rules! texts {
        ($($depth:literal)*) => {
            [$([
                concat!("SAVEPOINT dbop_", $depth),
                concat!("RELEASE SAVEPOINT dbop_", $depth),
                concat!("ROLLBACK TO SAVEPOINT dbop_", $depth),
            ]),*]
        };
    }
    const TEXTS: [[&str; 3]; 4] = texts!(1 2 3 4);
    let index = usize::try_from(depth).map_or(usize::MAX, |depth| depth.wrapping_sub(1));
    if let Some(texts) = TEXTS.get(index) {
        return texts[verb as usize].into_sql_str();
    }
    let verb = match verb {
        Verb::Set => "SAVEPOINT",
        Verb::Release => "RELEASE SAVEPOINT",
        Verb::RollBackTo => "ROLLBACK TO SAVEPOINT",
    };
    AssertSqlSafe(format!("{verb} dbop_{depth}")).into_sql_str()
}

fn tx_of<'v, DB: Backend>(view: &'v mut View<'_, DB>) -> &'v mut TxState {
    tx(view.state)
}

fn tx(state: &mut State) -> &mut TxState {
    let tx = state.tx.as_mut();
    tx.expect("a savepoint is only opened inside a transaction")
}
