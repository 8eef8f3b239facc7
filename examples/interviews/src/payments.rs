//! Payments for interview sessions.

use dbop::http::IdempotencyKey;
use dbop::{AnyDb, Conn, DbError, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{query_as, query_scalar};

use crate::error::{InterviewError, Result};
use crate::logs::{self, NewLogLine};
use crate::sessions;
use crate::values::{Cents, Level, PaymentId, SessionId, State, Time, UserId, now};

/// A payment that was made. dbop stores it as the answer to its key, so serde has to know the type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Payment {
    pub id: PaymentId,
    pub user_id: UserId,
    pub session_id: SessionId,
    pub cents: Cents,
    pub paid_at: Time,
}

/// Takes a payment, and writes a line to the log if it is refused. The transaction of the payment is
/// rolled back then, so the line is an operation of its own.
pub async fn take(
    db: &AnyDb,
    key: &IdempotencyKey,
    session: SessionId,
    cents: Cents,
) -> Result<Payment> {
    let taken = pay(db, key, session, cents).await;
    if let Err(refused) = &taken
        && refused.own_status().is_some()
    {
        let line = format!("A payment for session {session} was refused: {refused}.");
        let line = NewLogLine::ours(Level::Warning, "payments", line);
        if let Err(error) = logs::write(db, &line).await {
            tracing::warn!("a refused payment is not in the log: {error}");
        }
    }
    taken
}

/// Pays for a session. Clients repeat a request that was not answered, with the same key: then the
/// payment takes effect once, and each of the requests is answered with it. Keys count for each session
/// alone, because clients do not know which keys others have used.
#[transactional(once = key.of(session), name = "payments.pay", on = [Sqlite, Postgres])]
pub async fn pay(
    tx: &mut Tx<'_, DB>,
    key: &IdempotencyKey,
    session: SessionId,
    cents: Cents,
) -> Result<Payment> {
    let session = sessions::hold(&mut *tx, session).await?;
    if session.cents.get() != cents.get() {
        return Err(InterviewError::WrongAmount {
            costs: session.cents,
            offered: cents,
        });
    }
    if session.state == State::Cancelled {
        return Err(InterviewError::Cancelled);
    }
    let insert = query_as::<DB, Payment>(
        "INSERT INTO payments (id, user_id, session_id, cents, paid_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (session_id) DO NOTHING RETURNING *",
    );
    let insert = insert
        .bind(PaymentId::next())
        .bind(session.user_id)
        .bind(session.id);
    let paid = insert
        .bind(cents)
        .bind(now())
        .fetch_optional(&mut *tx)
        .await?;
    paid.ok_or(InterviewError::AlreadyPaid)
}

/// Says whether there is a payment for a session.
#[db_op(read_only, name = "payments.is_made", on = [Sqlite, Postgres])]
pub async fn is_made(conn: &mut Conn<'_, DB>, session: SessionId) -> Result<bool> {
    let exists = query_scalar("SELECT EXISTS (SELECT id FROM payments WHERE session_id = $1)");
    Ok(exists.bind(session).fetch_one(&mut *conn).await?)
}

/// Returns the payment for a session.
#[db_op(read_only, name = "payments.of", on = [Sqlite, Postgres])]
pub async fn of(conn: &mut Conn<'_, DB>, session: SessionId) -> Result<Payment> {
    let one = query_as::<DB, Payment>("SELECT * FROM payments WHERE session_id = $1");
    Ok(one.bind(session).fetch_one(&mut *conn).await?)
}
