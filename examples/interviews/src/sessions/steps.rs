//! The steps of a session. Each looks at the state and changes it in one transaction that holds the
//! session, so no step is skipped, and no two are taken at once. A client that got no answer repeats
//! its request with the same key, and is answered as if for the first time.

use dbop::http::IdempotencyKey;
use dbop::{Tx, transactional};
use sqlx::query_as;

use super::Session;
use crate::error::{InterviewError, Result};
use crate::payments;
use crate::reviewer::Wake;
use crate::values::{SessionId, State, now};

/// Begins the interview, if it is paid.
#[transactional(once = key.of(id), name = "sessions.start", on = [Sqlite, Postgres])]
pub async fn start(tx: &mut Tx<'_, DB>, key: &IdempotencyKey, id: SessionId) -> Result<Session> {
    let session = hold_for(&mut *tx, id, State::Running).await?;
    if session.cents.get() > 0 && !payments::is_made(&mut *tx, id).await? {
        return Err(InterviewError::Unpaid(session.cents));
    }
    let start = query_as::<DB, Session>(
        "UPDATE sessions SET state = $1, started_at = $2 WHERE id = $3 RETURNING *",
    );
    let start = start.bind(State::Running).bind(now()).bind(id);
    Ok(start.fetch_one(&mut *tx).await?)
}

/// Ends the interview. The reviewer is woken once this is stored, and not if it is rolled back.
#[transactional(once = key.of(id), name = "sessions.finish", on = [Sqlite, Postgres])]
pub async fn finish(
    tx: &mut Tx<'_, DB>,
    key: &IdempotencyKey,
    id: SessionId,
    #[once(skip)] reviewer: &Wake,
) -> Result<Session> {
    let session = end(&mut *tx, id, State::Finished).await?;
    let reviewer = reviewer.clone();
    tx.after_commit(async move { reviewer.wake() });
    Ok(session)
}

#[transactional(once = key.of(id), name = "sessions.cancel", on = [Sqlite, Postgres])]
pub async fn cancel(tx: &mut Tx<'_, DB>, key: &IdempotencyKey, id: SessionId) -> Result<Session> {
    end(&mut *tx, id, State::Cancelled).await
}

#[transactional(name = "sessions.end", on = [Sqlite, Postgres])]
async fn end(tx: &mut Tx<'_, DB>, id: SessionId, state: State) -> Result<Session> {
    hold_for(&mut *tx, id, state).await?;
    let end = query_as::<DB, Session>(
        "UPDATE sessions SET state = $1, ended_at = $2 WHERE id = $3 RETURNING *",
    );
    let end = end.bind(state).bind(now()).bind(id);
    Ok(end.fetch_one(&mut *tx).await?)
}

#[transactional(name = "sessions.hold_for", on = [Sqlite, Postgres])]
async fn hold_for(tx: &mut Tx<'_, DB>, id: SessionId, next: State) -> Result<Session> {
    let session = hold(&mut *tx, id).await?;
    if session.state.leads_to(next) {
        return Ok(session);
    }
    Err(InterviewError::WrongState {
        is: session.state,
        next,
    })
}

/// Reads a session that nobody else changes until the caller's transaction ends.
#[transactional(name = "sessions.hold", on = [Sqlite, Postgres])]
pub async fn hold(tx: &mut Tx<'_, DB>, id: SessionId) -> Result<Session> {
    // On SQLite, a transaction that writes is alone.
    let one = query_as::<DB, Session>(dbop::sql!(
        sqlite = "SELECT * FROM sessions WHERE id = $1",
        postgres = "SELECT * FROM sessions WHERE id = $1 FOR UPDATE",
    ));
    Ok(one.bind(id).fetch_one(&mut *tx).await?)
}
