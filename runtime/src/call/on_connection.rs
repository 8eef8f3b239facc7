//! [`CallersSession`]: a call on a connection of the caller's, of which dbop knows nothing.
//!
//! The session is left as it is, with one exception. A call with a deadline limits how long a
//! statement on the connection may run. Without that limit, a statement that was cut off at the
//! deadline would run on, and the caller's next statement would wait for its end.
//!
//! In a transaction of the caller's, the limit ends with that transaction on Postgres. On SQLite only a
//! statement that reads is stopped there: a write that is stopped would end the whole transaction.
//!
//! | dropped during | the connection | the database |
//! |---|---|---|
//! | setting the limit | may keep the limit | untouched |
//! | the body | keeps the limit (a `PoolConnection` is closed); the statement that runs ends at the limit (Postgres), or runs on (SQLite) | the statements that ended |
//! | lifting the limit | may keep the limit | the body's end |

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use super::call_loop::{Following, NotOpened, Opening};
use super::end::{contradiction, effect_of_statements};
use super::state::CallState;
use crate::backend::Backend;
use crate::error::{Class, Error, Outcome};
use crate::session::{State, View};

/// How long after the deadline the connection may take to end the statement that was cut off.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// A connection that the caller has lent.
#[derive(Debug)]
pub(super) enum Borrowed<'a, DB: Backend> {
    /// The connection itself.
    Connection(&'a mut DB::Connection),
    /// A connection that can be closed in its owner's place: the pool opens another one.
    Pooled(&'a mut PoolConnection<DB>),
}

impl<DB: Backend> Borrowed<'_, DB> {
    pub(super) fn conn(&mut self) -> &mut DB::Connection {
        match self {
            Self::Connection(conn) => conn,
            Self::Pooled(conn) => conn,
        }
    }
}

/// The caller's connection, before the call has looked at it.
pub(super) struct CallersConnection<'a, DB: Backend> {
    /// Taken by the one attempt.
    conn: Option<Borrowed<'a, DB>>,
}

/// A session on the caller's connection.
#[derive(Debug)]
pub(super) struct CallersSession<'a, DB: Backend> {
    conn: Borrowed<'a, DB>,
    state: Box<State>,
    limit: Option<DB::RawLimit>,
    /// Whether the session may keep the limit, because it was set, or may have been, for longer than a
    /// transaction, and was not lifted.
    keeps_limit: bool,
}

impl<'a, DB: Backend> CallersConnection<'a, DB> {
    pub(super) fn new(conn: Borrowed<'a, DB>) -> Self {
        Self { conn: Some(conn) }
    }
}

impl<'a, DB: Backend> Opening for CallersConnection<'a, DB> {
    type Session = CallersSession<'a, DB>;

    async fn open(&mut self, call: &mut CallState) -> Result<Self::Session, NotOpened> {
        // Nothing is replayed on a connection of which nothing is known.
        call.attempts.on_lent = true;
        let conn = self.conn.take();
        let conn = conn.expect("there is one attempt, and no replacement of its connection");
        let mut state = State::new(call.op, call.last_statement(), call.longest_poll, None);
        // Whoever owns the connection did not ask for a guard.
        state.read_only = false;
        state.cannot_write = false;
        let mut session = CallersSession {
            conn,
            state: Box::new(state),
            limit: None,
            keeps_limit: false,
        };
        // A statement of a stream lasts for as long as its consumer takes over the rows.
        if call.time_for_each_item().is_none() {
            let conn = session.conn.conn();
            let is_outside = DB::TransactionManager::get_transaction_depth(conn) == 0;
            session.keeps_limit =
                DB::LIMITS_STATEMENTS && is_outside && call.watched_deadline().is_some();
            session.limit = limit_statements::<DB>(conn, call).await?;
        }
        Ok(session)
    }
}

/// Sets how long a statement on the caller's connection may run, if the call has a deadline.
pub(super) async fn limit_statements<DB: Backend>(
    conn: &mut DB::Connection,
    call: &mut CallState,
) -> Result<Option<DB::RawLimit>, Error> {
    let Some(deadline) = call.watched_deadline() else {
        return Ok(None);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let limiting = Box::pin(DB::limit_raw(conn, left));
    match call.timer.until(deadline, limiting).await {
        // In a transaction that is aborted nothing can be set, and the body's first statement is
        // refused as well.
        Ok(limit) => Ok(limit.ok()),
        Err(_) => Err(Error::deadline("an answer on the caller's connection")),
    }
}

/// Lifts the limit of [`limit_statements`]. `stop`: the statement that was cut off is stopped first, and
/// is known to write nothing or not. `false`: the session may have kept the limit.
pub(super) async fn lift_limit<DB: Backend>(
    conn: &mut DB::Connection,
    limit: DB::RawLimit,
    call: &mut CallState,
    stop: Option<bool>,
) -> bool {
    if let Some(only_reads) = stop {
        DB::stop_at_limit(&limit, only_reads);
    }
    let lifting = Box::pin(DB::lift_limit(conn, limit));
    let until = call.deadline().max(Instant::now()) + GRACE;
    matches!(call.timer.until(until, lifting).await, Ok(Ok(())))
}

impl<DB: Backend> CallersSession<'_, DB> {
    pub(super) fn view(&mut self) -> View<'_, DB> {
        View {
            conn: self.conn.conn(),
            state: &mut self.state,
        }
    }

    /// Ends a call whose body has failed with this class of error, or at the deadline (`late`).
    pub(super) async fn end(
        mut self,
        call: &mut CallState,
        failure: Option<Class>,
        late: bool,
    ) -> Following {
        let deadline = call.deadline();
        let contradiction = contradiction(self.view(), call, failure).await;
        let outcome = match failure.or(contradiction.as_ref().map(Error::class)) {
            None => Outcome::Committed,
            Some(class) => {
                let timer = &mut call.timer;
                let effect = effect_of_statements(self.view(), class, deadline, timer).await;
                effect.outcome()
            }
        };
        if let Some(limit) = self.limit.take() {
            let stop = late.then(|| self.state.only_reads());
            let lifted = lift_limit::<DB>(self.conn.conn(), limit, call, stop).await;
            self.keeps_limit &= !lifted;
        }
        match contradiction {
            Some(error) => Following::Replace(error, outcome),
            None => Following::Return(outcome),
        }
    }
}

impl<DB: Backend> Drop for CallersSession<'_, DB> {
    /// Nobody lifts the limit any more, so a connection of a pool must not go to the next borrower.
    fn drop(&mut self) {
        if let (true, Borrowed::Pooled(conn)) = (self.keeps_limit, &mut self.conn) {
            conn.close_on_drop();
        }
    }
}
