//! A savepoint inside a transaction: of [`Tx::savepoint`](crate::Tx::savepoint) and of `nested`
//! operations.
//!
//! Our own statements and not sqlx's nested `begin`, which counts itself open before its
//! `SAVEPOINT` has run: dropped there, it rolls back the outer transaction, later statements
//! commit by themselves, and the outer `commit` says `Ok`.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tokio::time::Instant;

use super::executor;
use super::state::{State, View};
use super::tx_state::{TxState, Undo};
use crate::backend::Backend;
use crate::error::{Error, Kind, SharedError};

/// Open until [`close`](Self::close) has come to its end; dropped before, the whole transaction is
/// aborted, because what stands in it is not known.
#[derive(Debug)]
pub(crate) struct Savepoint<'a, DB: Backend> {
    view: View<'a, DB>,
    hooks: usize,
    over: bool,
}

impl<'a, DB: Backend> Savepoint<'a, DB> {
    /// Made before its statement is sent, so that a drop or an error during that is seen.
    pub(crate) fn new(view: View<'a, DB>) -> Self {
        let mut savepoint = Self {
            view,
            hooks: 0,
            over: true,
        };
        savepoint.open_again();
        savepoint
    }

    /// After its end: the same once more.
    pub(crate) fn open_again(&mut self) {
        let tx = tx_of(&mut self.view);
        tx.depth += 1;
        self.hooks = tx.hooks.len();
        self.over = false;
    }

    pub(crate) async fn set(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if let Some(refused) = self.view.state.refusal(now) {
            // Nothing is sent, so nothing is left to undo, and an outer savepoint may go on.
            self.end();
            return Err(refused.into());
        }
        Ok(self.send(Verb::Set, now).await?)
    }

    /// What is lent to the code inside.
    pub(crate) fn view(&mut self) -> View<'_, DB> {
        self.view.reborrow()
    }

    /// Ends it after its code said `Ok` (`keep`) or not. `Err` says that, although `keep`, its
    /// work had to be undone, or that it could not be ended.
    pub(crate) async fn close(&mut self, keep: bool) -> Result<(), Error> {
        if keep {
            let View { conn, state } = self.view.reborrow();
            // An error has been seen; was it one that ended the transaction?
            executor::settle_suspicion::<DB>(conn, state).await?;
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

    /// Back to the savepoint. If that fails, or the transaction is aborted as a whole, it stays
    /// aborted and nothing is left to do here.
    async fn undo(&mut self) {
        let depth = tx_of(&mut self.view).depth;
        let hooks = self.hooks;
        tx_of(&mut self.view).hooks.truncate(hooks);
        tx_of(&mut self.view).undone(depth);
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
                Kind::TransactionAborted,
                "a savepoint was dropped before its end, so the transaction was rolled back",
            );
            self.view.state.poison(0, SharedError::of(&error.into()));
            tx_of(&mut self.view).depth -= 1;
        }
    }
}

/// What is said to the database about a savepoint.
#[derive(Clone, Copy)]
enum Verb {
    Set,
    Release,
    RollBackTo,
}

/// Ready-made for the depths that occur.
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
