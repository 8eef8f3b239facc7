//! One statement on its way to the driver: what [`Conn`](crate::Conn) and [`Tx`](crate::Tx) do
//! when they are used as a sqlx `Executor`.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use sqlx::error::BoxDynError;
use sqlx::{Database, Describe, Either, Execute, SqlSafeStr, SqlStr};
use sqlx_core::transaction::TransactionManager;
use tokio::time::Instant;

use crate::backend::Backend;
use crate::echo::Echo;
use crate::state::{Facts, State, View, ended_unseen};

/// A query taken apart, so that its text can be read before the driver gets it.
#[derive(Debug)]
pub struct Statement<DB: Database> {
    sql: SqlStr,
    prepared: Option<DB::Statement>,
    arguments: Option<DB::Arguments>,
    persistent: bool,
}

impl<DB: Database> Statement<DB> {
    fn of<'q>(mut query: impl Execute<'q, DB>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            arguments: query.take_arguments().map_err(sqlx::Error::Encode)?,
            persistent: query.persistent(),
            prepared: query.statement().cloned(),
            sql: query.sql(),
        })
    }
}

impl<DB: Database> Execute<'_, DB> for Statement<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        self.prepared.as_ref()
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

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
    if view.state.suspicion().is_some() {
        let ask_first = async move {
            let View { conn, state } = view;
            settle_suspicion::<DB>(conn, state).await?;
            Ok::<_, sqlx::Error>(Watched::<DB>::send(conn, state, statement, Instant::now()))
        };
        return stream::once(ask_first).try_flatten().boxed();
    }
    Watched::<DB>::send(view.conn, view.state, statement, now).boxed()
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
        settle_suspicion::<DB>(conn, state).await?;
        let facts = Facts::of(statement.sql.as_str());
        if facts.writes {
            return first_row_of_all(Watched::<DB>::send(conn, state, statement, now)).await;
        }
        let mut watch = Watch::start(state, &statement.sql, facts, now);
        let row = DB::fetch_optional(conn, statement).await;
        watch.end::<DB>(row.as_ref().err());
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
        let mut watch = Watch::asking(state, now);
        let prepared = DB::prepare_with(conn, sql, parameters).await;
        watch.end::<DB>(prepared.as_ref().err());
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
        let mut watch = Watch::asking(state, now);
        let description = DB::describe(conn, sql).await;
        watch.end::<DB>(description.as_ref().err());
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
    let mut watch = Watch::asking(state, now);
    let done = DB::run(conn, sql).await;
    watch.end::<DB>(done.as_ref().err());
    done.map(drop)
}

/// The same for one that every transaction may run, `now`.
pub(crate) async fn run_again<DB: Backend>(
    conn: &mut DB::Connection,
    state: &mut State,
    sql: SqlStr,
    now: Instant,
) -> sqlx::Result<()> {
    before_statement::<DB>(conn, state, now).await?;
    let mut watch = Watch::asking(state, now);
    let done = DB::run_again(conn, sql).await;
    watch.end::<DB>(done.as_ref().err());
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
        watch: Watch::asking(state, now),
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
    if left {
        // The driver has it from a `begin` past us that was dropped half-way.
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
    settle_suspicion::<DB>(conn, state).await
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
    reason: Echo,
) -> sqlx::Result<()> {
    if let Some(tx) = &mut state.tx
        && tx.poison.is_none()
    {
        // Aborted until the answer is there: a question that is dropped half-way leaves it so.
        tx.poison(0, reason);
        state.asking(Instant::now());
        let liveness = DB::liveness(conn).await;
        state.completed();
        state.learn(liveness, DB::ends_session);
    }
    match state.aborted_by() {
        Some(echo) => Err(echo.to_sqlx()),
        None => Ok(()),
    }
}

/// Writes what becomes of one statement into the [`State`], also when it is dropped.
struct Watch<'e> {
    state: &'e mut State,
    facts: Facts,
    /// Its text, where that can matter.
    first: Option<SqlStr>,
    over: bool,
}

impl<'e> Watch<'e> {
    fn start(state: &'e mut State, text: &SqlStr, facts: Facts, now: Instant) -> Self {
        let first = state.sending(text, facts, now);
        Self {
            state,
            facts,
            first,
            over: false,
        }
    }

    /// Of dbop's own, which does not count as the body's.
    fn asking(state: &'e mut State, now: Instant) -> Self {
        state.asking(now);
        Self {
            state,
            facts: Facts::NONE,
            first: None,
            over: false,
        }
    }

    fn end<DB: Backend>(&mut self, error: Option<&sqlx::Error>) {
        self.over = true;
        match error {
            None => self.state.completed(),
            Some(error) => {
                let gone = DB::ends_session(error);
                self.state.failed(error, self.first.as_ref(), gone);
            }
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.over && self.facts.writes {
            self.state.abandon_write();
        }
    }
}

/// The driver's stream of results under a [`Watch`].
struct Watched<'e, DB: Database> {
    rows: Rows<'e, DB>,
    watch: Watch<'e>,
}

impl<'e, DB: Backend> Watched<'e, DB> {
    fn send(
        conn: &'e mut DB::Connection,
        state: &'e mut State,
        statement: Statement<DB>,
        now: Instant,
    ) -> Self {
        let facts = Facts::of(statement.sql.as_str());
        Self {
            watch: Watch::start(state, &statement.sql, facts, now),
            rows: DB::fetch_many(conn, statement),
        }
    }
}

impl<DB: Backend> Stream for Watched<'_, DB> {
    type Item = sqlx::Result<Either<DB::QueryResult, DB::Row>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let step = self.rows.as_mut().poll_next(cx);
        match &step {
            Poll::Ready(None) => self.watch.end::<DB>(None),
            Poll::Ready(Some(Err(error))) => self.watch.end::<DB>(Some(error)),
            _ => {}
        }
        step
    }
}

/// Implements sqlx's `Executor` for `&mut $lent`, a lent connection, by the functions above.
macro_rules! executor {
    ($lent:ident) => {
        impl<'t, DB: $crate::backend::Backend> sqlx::Executor<'t> for &'t mut $lent<'_, DB> {
            type Database = DB;

            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> $crate::statement::Rows<'e, DB>
            where
                't: 'e,
                E: 'q + sqlx::Execute<'q, DB>,
            {
                $crate::statement::fetch_many(self.view.reborrow(), query)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures_core::future::BoxFuture<'e, sqlx::Result<Option<DB::Row>>>
            where
                't: 'e,
                E: 'q + sqlx::Execute<'q, DB>,
            {
                $crate::statement::fetch_optional(self.view.reborrow(), query)
            }

            fn prepare_with<'e>(
                self,
                sql: sqlx::SqlStr,
                parameters: &'e [DB::TypeInfo],
            ) -> futures_core::future::BoxFuture<'e, sqlx::Result<DB::Statement>>
            where
                't: 'e,
            {
                $crate::statement::prepare_with(self.view.reborrow(), sql, parameters)
            }

            fn describe<'e>(
                self,
                sql: sqlx::SqlStr,
            ) -> futures_core::future::BoxFuture<'e, sqlx::Result<sqlx::Describe<DB>>>
            where
                't: 'e,
            {
                $crate::statement::describe(self.view.reborrow(), sql)
            }
        }
    };
}
pub(crate) use executor;
