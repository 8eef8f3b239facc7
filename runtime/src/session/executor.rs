//! One statement on its way to the driver: what [`Conn`](crate::Conn) and [`Tx`](crate::Tx) do
//! when they are used as a sqlx `Executor`.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use sqlx::{Database, Describe, Either, Execute, SqlSafeStr, SqlStr};
use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, sleep};

use super::sql_text::Facts;
use super::state::{Guard, State, View};
use super::tx_state::{TxState, ended_unseen};
use crate::backend::{Backend, Statement};
use crate::error::SharedError;

pub(crate) type Rows<'e, DB> =
    BoxStream<'e, sqlx::Result<Either<<DB as Database>::QueryResult, <DB as Database>::Row>>>;

pub(crate) fn fetch_many<'e, 'q, DB: Backend>(
    view: View<'e, DB>,
    query: impl Execute<'q, DB>,
) -> Rows<'e, DB> {
    let refused = |error| stream::once(std::future::ready(Err(error))).boxed();
    let now = Instant::now();
    if let Some(error) = refusal::<DB>(view.conn, view.state, now) {
        return refused(error);
    }
    let statement = match Statement::of(query) {
        Ok(statement) => statement,
        Err(error) => return refused(error),
    };
    let facts = Facts::of(statement.sql.as_str(), DB::COMMENTS);
    if is_unsettled(view.state) || view.state.needs_guard(facts) {
        let ask_first = async move {
            let View { conn, state } = view;
            settle::<DB>(conn, state).await?;
            guard::<DB>(conn, state, facts).await?;
            let now = Instant::now();
            Ok::<_, sqlx::Error>(Watched::<DB>::send(conn, state, statement, facts, now))
        };
        return stream::once(ask_first).try_flatten().boxed();
    }
    Watched::<DB>::send(view.conn, view.state, statement, facts, now).boxed()
}

pub(crate) fn fetch_optional<'e, 'q: 'e, DB: Backend>(
    view: View<'e, DB>,
    query: impl Execute<'q, DB> + 'q,
) -> BoxFuture<'e, sqlx::Result<Option<DB::Row>>> {
    let statement = Statement::of(query);
    Box::pin(async move {
        let View { conn, state } = view;
        let now = Instant::now();
        if let Some(error) = refusal::<DB>(conn, state, now) {
            return Err(error);
        }
        let statement = statement?;
        settle::<DB>(conn, state).await?;
        let facts = Facts::of(statement.sql.as_str(), DB::COMMENTS);
        guard::<DB>(conn, state, facts).await?;
        if facts.writes {
            return first_row_of_all(Watched::<DB>::send(conn, state, statement, facts, now)).await;
        }
        let mut watch = Watch::<DB>::start(state, &statement.sql, facts, now);
        let row = DB::fetch_optional(conn, statement).await;
        watch.end(row.as_ref().err());
        row
    })
}

/// The first row, read only after the statement has come to its end: SQLite reports a full disk, a
/// deferred key or a lock after the rows of `INSERT .. RETURNING`, and who stops at the first row
/// takes a failed write for a stored one.
async fn first_row_of_all<DB: Backend>(mut rows: Watched<'_, DB>) -> sqlx::Result<Option<DB::Row>> {
    let mut first = None;
    while let Some(step) = rows.try_next().await? {
        if let Either::Right(row) = step {
            first.get_or_insert(row);
        }
    }
    Ok(first)
}

pub(crate) fn prepare_with<'e, DB: Backend>(
    view: View<'e, DB>,
    sql: SqlStr,
    parameters: &'e [DB::TypeInfo],
) -> BoxFuture<'e, sqlx::Result<DB::Statement>> {
    Box::pin(async move {
        let View { conn, state } = view;
        let now = Instant::now();
        before_statement::<DB>(conn, state, now).await?;
        // Some pragmas of SQLite take effect when they are prepared.
        state.note(Facts::of(sql.as_str(), DB::COMMENTS));
        let mut watch = Watch::<DB>::asking(state, now);
        let prepared = DB::prepare_with(conn, sql, parameters).await;
        watch.end(prepared.as_ref().err());
        prepared
    })
}

pub(crate) fn describe<DB: Backend>(
    view: View<'_, DB>,
    sql: SqlStr,
) -> BoxFuture<'_, sqlx::Result<Describe<DB>>> {
    Box::pin(async move {
        let View { conn, state } = view;
        let now = Instant::now();
        before_statement::<DB>(conn, state, now).await?;
        state.note(Facts::of(sql.as_str(), DB::COMMENTS));
        let mut watch = Watch::<DB>::asking(state, now);
        let description = DB::describe(conn, sql).await;
        watch.end(description.as_ref().err());
        description
    })
}

/// A statement of dbop's own (savepoints) under the same rules.
pub(crate) async fn run<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    sql: SqlStr,
) -> sqlx::Result<()> {
    let now = Instant::now();
    before_statement::<DB>(conn, state, now).await?;
    let mut watch = Watch::<DB>::asking(state, now);
    let done = DB::run(conn, sql).await;
    watch.end(done.as_ref().err());
    done.map(drop)
}

/// Like [`run`], for a statement that every transaction may run, `now`.
pub(crate) async fn run_again<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    sql: SqlStr,
    now: Instant,
) -> sqlx::Result<()> {
    before_statement::<DB>(conn, state, now).await?;
    let mut watch = Watch::<DB>::asking(state, now);
    let done = DB::run_again(conn, sql).await;
    watch.end(done.as_ref().err());
    done.map(drop)
}

/// Another of dbop's own, with arguments; the first row of its answer, once all of it is there.
pub(crate) async fn ask<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    sql: &'static str,
    arguments: &[&str],
) -> sqlx::Result<Option<DB::Row>> {
    let now = Instant::now();
    before_statement::<DB>(conn, state, now).await?;
    let statement = Statement {
        sql: sql.into_sql_str(),
        prepared: None,
        arguments: Some(DB::texts(arguments)?),
        persistent: true,
    };
    first_row_of_all(Watched::<DB> {
        watch: Watch::<DB>::asking(state, now),
        rows: DB::fetch_many(conn, statement),
    })
    .await
}

/// The error with which a statement is refused without asking the database, if any.
fn refusal<DB: Backend>(
    conn: &DB::Connection,
    state: &mut State,
    now: Instant,
) -> Option<sqlx::Error> {
    let left = state.tx.is_some() && DB::TransactionManager::get_transaction_depth(conn) == 0;
    let ended = |tx: &TxState| tx.poison.is_none() && tx.has_ended_unseen();
    if left || state.tx.as_ref().is_some_and(ended) {
        // By a text of the body's, or by a `begin` past us that was dropped half-way.
        state.poison(0, ended_unseen());
    }
    state.refusal(now)
}

/// Refuses the statement if the transaction has ended, and finds out first where that is open.
pub(crate) async fn before_statement<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    now: Instant,
) -> sqlx::Result<()> {
    if let Some(error) = refusal::<DB>(conn, state, now) {
        return Err(error);
    }
    settle::<DB>(conn, state).await
}

/// Whether something has to be known before another statement is sent.
fn is_unsettled(state: &State) -> bool {
    state.suspicion().is_some() || state.is_unread()
}

/// Keeps the session of a `read_only` call from writing, before its first statement that might.
async fn guard<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    facts: Facts,
) -> sqlx::Result<()> {
    if state.needs_guard(facts) {
        state.guard = Guard::Set;
        state.asking(Instant::now());
        // In a box, because it is rare, and every statement would have room for it.
        let was_set = Box::pin(DB::make_read_only(conn)).await?;
        state.completed();
        if was_set {
            // By whoever opened the session, and so not ours to lift.
            state.guard = Guard::NotNeeded;
        }
    }
    Ok(())
}

/// Finds out what has to be known before another statement is sent.
async fn settle<DB: Backend>(conn: &mut DB::Connection, state: &mut State) -> sqlx::Result<()> {
    if state.is_unread() {
        // In a box, because it is rare, and every statement would have room for it.
        Box::pin(drain::<DB>(conn, state)).await?;
    }
    settle_suspicion::<DB>(conn, state).await
}

/// How long the rest of a statement's rows is waited for that nobody reads.
const DRAIN: Duration = Duration::from_millis(50);

/// Sees the statement to its end whose rows were let go before that, if there is one. `Err` if it has
/// failed, or goes on for too long; every later statement is refused then.
pub(crate) async fn drain<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
) -> sqlx::Result<()> {
    let Some(unread) = state.begin_drain() else {
        return Ok(());
    };
    match drain_soon::<DB>(conn).await {
        Some(Ok(())) => state.drained(),
        Some(Err(error)) => state.failed_unread::<DB>(&error, &unread),
        None => {}
    }
    match state.refusal(Instant::now()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What [`DRAIN`] allows. Rows that come without a pause keep a runtime of one thread from looking at
/// its timers, so the clock is looked at here as well.
async fn drain_soon<DB: Backend>(conn: &mut DB::Connection) -> Option<sqlx::Result<()>> {
    let mut draining = std::pin::pin!(DB::drain(conn));
    let mut timer = std::pin::pin!(sleep(DRAIN));
    let begun = Instant::now();
    std::future::poll_fn(|cx| match draining.as_mut().poll(cx) {
        Poll::Ready(drained) => Poll::Ready(Some(drained)),
        Poll::Pending if begun.elapsed() >= DRAIN => Poll::Ready(None),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// After an error that may have ended the transaction: asks, and refuses if it has.
pub(crate) async fn settle_suspicion<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
) -> sqlx::Result<()> {
    match state.suspicion() {
        // In a box, because it is rare, and every statement would have room for it.
        Some(first) => Box::pin(ask_whether_open::<DB>(conn, state, first)).await,
        None => Ok(()),
    }
}

/// Asks the database whether the transaction is still open; if not, it is aborted with `reason`.
pub(crate) async fn ask_whether_open<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    reason: SharedError,
) -> sqlx::Result<()> {
    if let Some(tx) = &mut state.tx {
        let earlier = tx.poison.take();
        if earlier.is_none() || tx.unseen {
            // Aborted until the answer is there: a question that is dropped half-way leaves it so.
            tx.poison(0, reason);
            state.asking(Instant::now());
            let liveness = DB::liveness(conn).await;
            state.completed();
            state.learn(liveness, DB::ends_session);
        }
        if let (Some(tx), Some(earlier)) = (&mut state.tx, earlier) {
            // What is open still is as aborted as it was.
            tx.poison = Some(earlier);
        }
    }
    match state.aborted_by() {
        Some(echo) => Err(echo.to_sqlx()),
        None => Ok(()),
    }
}

/// Writes what becomes of one statement into the [`State`], also when it is dropped.
struct Watch<'e, DB: Backend> {
    state: &'e mut State,
    facts: Facts,
    /// Its text, where that can matter.
    first: Option<SqlStr>,
    /// The database has begun to answer.
    answered: bool,
    over: bool,
    _database: PhantomData<fn() -> DB>,
}

impl<'e, DB: Backend> Watch<'e, DB> {
    fn start(state: &'e mut State, text: &SqlStr, facts: Facts, now: Instant) -> Self {
        let first = state.sending(text, facts, now);
        Self {
            state,
            facts,
            first,
            answered: false,
            over: false,
            _database: PhantomData,
        }
    }

    /// Of dbop's own, which does not count as the body's.
    fn asking(state: &'e mut State, now: Instant) -> Self {
        state.asking(now);
        Self {
            state,
            facts: Facts::NONE,
            first: None,
            answered: false,
            over: false,
            _database: PhantomData,
        }
    }

    fn end(&mut self, error: Option<&sqlx::Error>) {
        self.over = true;
        match error {
            None => self.state.completed(),
            Some(error) => self.state.failed::<DB>(error, self.first.as_ref()),
        }
    }
}

impl<DB: Backend> Drop for Watch<'_, DB> {
    fn drop(&mut self) {
        if !self.over {
            self.state
                .let_go::<DB>(self.facts, self.first.take(), self.answered);
        }
    }
}

/// The driver's stream of results under a [`Watch`].
struct Watched<'e, DB: Backend> {
    rows: Rows<'e, DB>,
    watch: Watch<'e, DB>,
}

impl<'e, DB: Backend> Watched<'e, DB> {
    fn send(
        conn: &'e mut DB::Connection,
        state: &'e mut State,
        statement: Statement<DB>,
        facts: Facts,
        now: Instant,
    ) -> Self {
        Self {
            watch: Watch::start(state, &statement.sql, facts, now),
            rows: DB::fetch_many(conn, statement),
        }
    }
}

/// Rows that are read when they are let go, to see how their statement ends.
const LAST_ROWS: usize = 1_000;

/// The rows that nobody reads may be all there, and then it is known how the statement has ended. What
/// is still on its way is for [`drain`].
impl<DB: Backend> Drop for Watched<'_, DB> {
    fn drop(&mut self) {
        if self.watch.over || !self.watch.answered || !self.watch.state.finishes_unread::<DB>() {
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..LAST_ROWS {
            match self.rows.as_mut().poll_next(&mut cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => {
                    self.watch.end(Some(&error));
                    return self.watch.state.let_go_of_failure(&error);
                }
                Poll::Ready(None) => return self.watch.end(None),
                Poll::Pending => return,
            }
        }
        self.watch.over = true;
        self.watch.state.abandon_unread();
    }
}

impl<DB: Backend> Stream for Watched<'_, DB> {
    type Item = sqlx::Result<Either<DB::QueryResult, DB::Row>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let step = self.rows.as_mut().poll_next(cx);
        match &step {
            Poll::Ready(None) => self.watch.end(None),
            Poll::Ready(Some(Err(error))) => self.watch.end(Some(error)),
            Poll::Ready(Some(Ok(_))) => self.watch.answered = true,
            Poll::Pending => {}
        }
        step
    }
}

/// Implements sqlx's `Executor` for `&mut $lent`, a lent connection, by the functions above.
macro_rules! executor {
    ($lent:ident) => {
        impl<'t, DB: $crate::backend::Backend> sqlx::Executor<'t> for &'t mut $lent<'_, DB> {
            type Database = DB;

            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> $crate::session::executor::Rows<'e, DB>
            where
                't: 'e,
                E: 'q + sqlx::Execute<'q, DB>,
            {
                $crate::session::executor::fetch_many(self.view.reborrow(), query)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures_core::future::BoxFuture<'e, sqlx::Result<Option<DB::Row>>>
            where
                't: 'e,
                E: 'q + sqlx::Execute<'q, DB>,
            {
                $crate::session::executor::fetch_optional(self.view.reborrow(), query)
            }

            fn prepare_with<'e>(
                self,
                sql: sqlx::SqlStr,
                parameters: &'e [DB::TypeInfo],
            ) -> futures_core::future::BoxFuture<'e, sqlx::Result<DB::Statement>>
            where
                't: 'e,
            {
                $crate::session::executor::prepare_with(self.view.reborrow(), sql, parameters)
            }

            fn describe<'e>(
                self,
                sql: sqlx::SqlStr,
            ) -> futures_core::future::BoxFuture<'e, sqlx::Result<sqlx::Describe<DB>>>
            where
                't: 'e,
            {
                $crate::session::executor::describe(self.view.reborrow(), sql)
            }
        }
    };
}
pub(crate) use executor;
