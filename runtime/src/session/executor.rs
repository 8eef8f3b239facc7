//! How one statement gets to the driver: what [`Conn`](crate::Conn) and [`Tx`](crate::Tx) do when
//! they are used as a sqlx `Executor`.

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

use super::loan;
use super::sql_text::Facts;
use super::state::{Guard, State};
use super::tx_state::{TxState, ended_unseen};
use super::view::View;
use crate::backend::{Backend, Statement};
use crate::error::SharedError;
use crate::rt::Moment;

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
        let mut watch = StatementWatch::<DB>::start(state, &statement.sql, facts, now);
        let row = DB::fetch_optional(conn, statement).await;
        watch.state.saw_rows(u64::from(matches!(row, Ok(Some(_)))));
        watch.end(row.as_ref().err());
        row
    })
}

/// Returns the first row once the statement has ended. SQLite reports a full disk, a deferred key
/// or a lock only after the rows of `INSERT .. RETURNING`. A reader that stops at the first row
/// would take a failed write for a stored one.
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
        // Some pragmas of SQLite take effect as soon as they are prepared.
        state.note(Facts::of(sql.as_str(), DB::COMMENTS));
        let mut watch = StatementWatch::<DB>::asking(state, now);
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
        let mut watch = StatementWatch::<DB>::asking(state, now);
        let description = DB::describe(conn, sql).await;
        watch.end(description.as_ref().err());
        description
    })
}

/// Runs a statement of dbop's own, unless the state refuses every further statement.
pub(crate) async fn run<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    sql: SqlStr,
) -> sqlx::Result<()> {
    let now = Instant::now();
    before_statement::<DB>(conn, state, now).await?;
    let mut watch = StatementWatch::<DB>::asking(state, now);
    let done = DB::run(conn, sql).await;
    watch.end(done.as_ref().err());
    done.map(drop)
}

/// Like [`run`], for a statement that dbop sends often, which the driver may keep prepared. `now`
/// saves a clock read.
pub(crate) async fn run_again<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    sql: SqlStr,
    now: Instant,
) -> sqlx::Result<()> {
    before_statement::<DB>(conn, state, now).await?;
    let mut watch = StatementWatch::<DB>::asking(state, now);
    let done = DB::run_again(conn, sql).await;
    watch.end(done.as_ref().err());
    done.map(drop)
}

/// Runs a statement of dbop's own with arguments. Returns the first row of its answer once the
/// statement has ended; `None` if there is no row.
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
        watch: StatementWatch::<DB>::asking(state, now),
        rows: DB::fetch_many(conn, statement),
    })
    .await
}

/// Returns the error with which a statement is refused without asking the database; `None` if the
/// statement may be sent.
fn refusal<DB: Backend>(
    conn: &DB::Connection,
    state: &mut State,
    now: Instant,
) -> Option<sqlx::Error> {
    let depth = || DB::TransactionManager::get_transaction_depth(conn);
    let ended =
        |tx: &TxState| depth() < tx.sqlx_depth || (tx.poison.is_none() && tx.has_ended_unseen());
    if state.tx.as_ref().is_some_and(ended) {
        // A statement of the body has ended the transaction, or a `begin` over the raw connection
        // that was dropped half-way.
        state.poison(0, ended_unseen());
    }
    state.refusal(now)
}

/// Returns an error if no further statement may be sent. If the transaction may have ended, or the
/// end of an earlier statement has yet to be seen, this asks the database first.
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

/// Like [`before_statement`], before statements that dbop does not see are sent.
pub(crate) async fn before_unseen<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
) -> sqlx::Result<()> {
    before_statement::<DB>(conn, state, Instant::now()).await?;
    guard::<DB>(conn, state, Facts::UNSEEN).await
}

/// Whether the database has to be asked something before another statement is sent.
fn is_unsettled(state: &State) -> bool {
    state.loan.is_some() || state.suspicion().is_some() || state.is_unread()
}

/// Makes the session of a `read_only` call read-only before its first statement that might write.
async fn guard<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    facts: Facts,
) -> sqlx::Result<()> {
    if state.needs_guard(facts) {
        state.guard = Guard::Set;
        state.asking(Moment::now());
        // Boxed because it is rare, and the future of every statement would have to hold it.
        let was_set = Box::pin(DB::make_read_only(conn)).await?;
        state.completed();
        if was_set {
            // The session was read-only before, so dbop must not make it writable afterwards.
            state.guard = Guard::NotNeeded;
        }
    }
    Ok(())
}

/// Asks the database what has to be known before another statement is sent: how a dropped statement
/// has ended, and whether the transaction is still open.
async fn settle<DB: Backend>(conn: &mut DB::Connection, state: &mut State) -> sqlx::Result<()> {
    if state.is_unread() {
        // Boxed because it is rare, and the future of every statement would have to hold it.
        Box::pin(drain::<DB>(conn, state)).await?;
    }
    settle_transaction::<DB>(conn, state).await
}

/// How long dbop waits for the rest of the rows that nobody reads.
const DRAIN: Duration = Duration::from_millis(50);

/// Waits for the end of the statement whose rows were dropped, if there is one. Returns an error if
/// the statement has failed or does not end within [`DRAIN`]. Every later statement is refused
/// then.
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

/// Drains the connection for at most [`DRAIN`]; returns `None` if that was not enough. Rows that
/// arrive without a pause keep a single-threaded runtime from looking at its timers, so this also
/// looks at the clock.
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

/// Takes the session back from sqlx, and asks the database whether the transaction is still open, if
/// an error or an unseen statement may have ended it. Returns an error if the transaction is not
/// open.
pub(crate) async fn settle_transaction<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
) -> sqlx::Result<()> {
    if state.loan.is_some() {
        // Boxed because it is rare, and the future of every statement would have to hold it.
        Box::pin(loan::settle::<DB>(conn, state)).await?;
    }
    match state.suspicion() {
        // Boxed because it is rare, and the future of every statement would have to hold it.
        Some(first) => Box::pin(ask_whether_open::<DB>(conn, state, first)).await,
        None => Ok(()),
    }
}

/// Asks the database whether the transaction is still open. If it has ended, the transaction counts
/// as aborted with `reason`; if the question fails, with the error of the question. Returns the
/// error of an aborted transaction.
pub(crate) async fn ask_whether_open<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    reason: SharedError,
) -> sqlx::Result<()> {
    if let Some(tx) = &mut state.tx {
        let earlier = tx.poison.take();
        if earlier.is_none() || tx.unseen {
            // The transaction counts as aborted until the answer is there, so that it stays aborted
            // if this future is dropped half-way.
            tx.poison(0, reason);
            state.asking(Moment::now());
            let liveness = DB::liveness(conn).await;
            state.completed();
            state.learn(liveness, DB::ends_session);
        }
        if let (Some(tx), Some(earlier)) = (&mut state.tx, earlier) {
            // The transaction was aborted before the question, and still is.
            tx.poison = Some(earlier);
        }
    }
    match state.aborted_by() {
        Some(echo) => Err(echo.to_sqlx()),
        None => Ok(()),
    }
}

/// Records in the [`State`] how one statement ends, also when the statement is dropped.
struct StatementWatch<'e, DB: Backend> {
    state: &'e mut State,
    facts: Facts,
    /// The statement's text if it is the first of a session without a transaction; otherwise
    /// `None`.
    first: Option<SqlStr>,
    /// Whether the database has begun to answer.
    answered: bool,
    /// Whether the database has returned a row.
    has_rows: bool,
    /// Whether the end of the statement is recorded already.
    over: bool,
    _database: PhantomData<fn() -> DB>,
}

impl<'e, DB: Backend> StatementWatch<'e, DB> {
    /// Starts watching a statement of the body.
    fn start(state: &'e mut State, text: &SqlStr, facts: Facts, now: Instant) -> Self {
        let first = state.sending(text, facts, now);
        Self {
            state,
            facts,
            first,
            answered: false,
            has_rows: false,
            over: false,
            _database: PhantomData,
        }
    }

    /// Starts watching a statement of dbop's own. Such a statement does not count as one of the
    /// body's.
    fn asking(state: &'e mut State, now: Instant) -> Self {
        state.asking(Moment::of(now));
        Self {
            state,
            facts: Facts::NONE,
            first: None,
            answered: false,
            has_rows: false,
            over: false,
            _database: PhantomData,
        }
    }

    /// Records a part of the answer.
    fn saw(&mut self, answer: &Either<DB::QueryResult, DB::Row>) {
        self.answered = true;
        match answer {
            Either::Right(_) => {
                self.has_rows = true;
                self.state.saw_rows(1);
            }
            // A statement that returns rows has also counted them as changed, or may have.
            Either::Left(done) if self.facts.writes && !self.has_rows => {
                self.state.saw_rows(DB::changed(done));
            }
            Either::Left(_) => {}
        }
    }

    /// Records the end of the statement, and the error with which it has failed, if any.
    fn end(&mut self, error: Option<&sqlx::Error>) {
        self.over = true;
        match error {
            None => self.state.completed(),
            Some(error) => self.state.failed::<DB>(error, self.first.as_ref()),
        }
    }
}

impl<DB: Backend> Drop for StatementWatch<'_, DB> {
    fn drop(&mut self) {
        if !self.over {
            self.state
                .let_go::<DB>(self.facts, self.first.take(), self.answered);
        }
    }
}

/// The driver's stream of results, and the [`StatementWatch`] over it.
struct Watched<'e, DB: Backend> {
    rows: Rows<'e, DB>,
    watch: StatementWatch<'e, DB>,
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
            watch: StatementWatch::start(state, &statement.sql, facts, now),
            rows: DB::fetch_many(conn, statement),
        }
    }
}

/// How many rows of a dropped stream are read at most, to see how its statement ends.
const LAST_ROWS: usize = 1_000;

/// Reads the rows that have arrived already. If all of them have, this shows how the statement has
/// ended. Rows that are still on their way are left to [`drain`].
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
            Poll::Ready(Some(Ok(answer))) => self.watch.saw(answer),
            Poll::Pending => {}
        }
        step
    }
}

/// Implements sqlx's `Executor` for `&mut $lent`, a lent connection, with the functions above.
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
