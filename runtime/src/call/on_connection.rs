//! A call on a connection of the caller's, of which dbop knows nothing.
//!
//! The session is left alone, with one exception. Where the call has a deadline, the connection is
//! told for that time to end a statement by itself; otherwise a statement that was cut off at the
//! deadline would run on, and the caller's next statement would wait for it.
//!
//! | dropped during | the connection | the database |
//! |---|---|---|
//! | setting the limit | may keep the limit | untouched |
//! | the body | keeps the limit; the statement that runs ends at the limit (Postgres), or is stopped (SQLite) | the statements that ended |
//! | lifting the limit | may keep the limit | the body's end |

use std::time::Duration;

use tokio::time::Instant;

use super::end;
use super::state::CallCore;
use crate::backend::Backend;
use crate::error::{Class, Error, Outcome, Result};
use crate::session::{State, View};

/// How long after the deadline the connection may take to end the statement that was cut off.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Raw<'a, DB: Backend> {
    conn: &'a mut DB::Connection,
    state: Box<State>,
    limit: Option<DB::RawLimit>,
}

impl<'a, DB: Backend> Raw<'a, DB> {
    pub(super) async fn open(conn: &'a mut DB::Connection, core: &mut CallCore) -> Result<Self> {
        core.attempts += 1;
        core.single = true;
        let mut state = State::new(core.op, core.deadline(), core.longest_poll, None);
        // Whoever owns the connection did not ask for a guard, and nothing is replayed on it.
        state.read_only = false;
        state.cannot_write = false;
        let mut raw = Self {
            conn,
            state: Box::new(state),
            limit: None,
        };
        if core.hurries {
            let deadline = core.deadline();
            let left = deadline.saturating_duration_since(Instant::now());
            let limiting = Box::pin(DB::limit_raw(raw.conn, left));
            // In a transaction that is aborted nothing can be set, and the body's first statement is
            // refused as well.
            raw.limit = match core.timer.until(deadline, limiting).await {
                Ok(limit) => limit.ok(),
                Err(_) => return Err(Error::deadline("an answer on the caller's connection")),
            };
        }
        Ok(raw)
    }

    pub(super) fn view(&mut self) -> View<'_, DB> {
        View {
            conn: self.conn,
            state: &mut self.state,
        }
    }

    /// The end of a call whose body has failed with this class of error, or at the deadline (`late`);
    /// what became of its effect, and an error that takes the place of the body's `Ok`.
    pub(super) async fn end(
        mut self,
        core: &mut CallCore,
        failure: Option<Class>,
        late: bool,
    ) -> (Outcome, Option<Error>) {
        let deadline = core.deadline();
        if failure.is_none() {
            end::finish_unread(self.view(), core).await;
        }
        let contradiction = self.state.contradiction();
        let contradiction = contradiction.filter(|_| failure.is_none());
        let outcome = match failure.or(contradiction.as_ref().map(Error::class)) {
            None => Outcome::Committed,
            Some(class) => {
                let timer = &mut core.timer;
                let effect = end::effect_of_statements(self.view(), class, deadline, timer).await;
                effect.outcome()
            }
        };
        if let Some(limit) = self.limit.take() {
            if late {
                DB::stop_at_limit(&limit);
            }
            let lifting = Box::pin(DB::lift_limit(self.conn, limit));
            let until = deadline.max(Instant::now()) + GRACE;
            let _ = core.timer.until(until, lifting).await;
        }
        (outcome, contradiction)
    }
}

impl<DB: Backend> Drop for Raw<'_, DB> {
    fn drop(&mut self) {
        if let Some(limit) = &self.limit
            && self.state.mid_statement()
        {
            DB::stop_at_limit(limit);
        }
    }
}
