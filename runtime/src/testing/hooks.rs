//! [`PendingHooks`]: the hooks that wait for a commit, in a test whose transaction never commits.

use crate::backend::Backend;
use crate::error::Outcome;
use crate::session::{Hooks, Tx, failure_of};

impl<DB: Backend> Tx<'_, DB> {
    /// Returns the hooks of [`after_commit`](Self::after_commit) that wait for this transaction, for a
    /// test whose transaction is rolled back.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")] mod example {
    /// # use dbop::Tx;
    /// # use sqlx::Sqlite;
    /// # async fn sign_up(tx: &mut Tx<'_, Sqlite>, name: &str) -> dbop::Result<()> { Ok(()) }
    /// #[dbop::test]
    /// async fn who_signs_up_gets_a_mail(tx: &mut Tx<'_, Sqlite>) -> Result<(), dbop::Error> {
    ///     sign_up(&mut *tx, "Ada").await?;
    ///     assert_eq!(tx.hooks().count(), 1);
    ///     tx.hooks().run().await.unwrap(); // sends the mail
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub fn hooks(&mut self) -> PendingHooks<'_> {
        let tx = self.view.state.tx.as_mut();
        let tx = tx.expect("a `Tx` is only made of a session with a transaction");
        PendingHooks {
            hooks: &mut tx.hooks,
        }
    }
}

/// The hooks that wait for the commit of a transaction, from [`Tx::hooks`].
#[derive(Debug)]
pub struct PendingHooks<'t> {
    hooks: &'t mut Hooks,
}

impl PendingHooks<'_> {
    /// Returns the number of the hooks. Those of savepoints that were rolled back do not count.
    pub fn count(&mut self) -> usize {
        self.hooks.count(Outcome::Committed)
    }

    /// Runs the hooks in order of registration, as the commit would, and returns how many there were.
    /// They do not run again.
    ///
    /// The transaction is still open. On SQLite, a hook that writes over a connection of its own waits
    /// for the end of the transaction, and fails.
    ///
    /// # Errors
    ///
    /// Returns the text of the first error. A hook that fails or panics does not stop the next one.
    pub async fn run(self) -> Result<usize, String> {
        let hooks = self.hooks.take(Outcome::Committed);
        let count = hooks.len();
        let mut first = None;
        for hook in hooks {
            let failure = failure_of(hook, "a hook panicked").await;
            first = first.or(failure);
        }
        first.map_or(Ok(count), Err)
    }
}
