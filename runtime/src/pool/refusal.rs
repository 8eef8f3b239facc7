//! The reasons why a pool gives no connection.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Pool};
use tokio::time::timeout;

use crate::backend::Backend;
use crate::error::{Category, Class, Error, ErrorKind, Retry};
use crate::monitor::{SessionInfo, held_by};

/// How long a call waits for the server's answer to a connection outside the pool. A refusal then
/// holds for as long again, for all calls that wait.
pub(super) const ANSWER_HOLDS: Duration = Duration::from_secs(1);

const EXHAUSTED: Class = Class {
    category: Category::Resource,
    kind: ErrorKind::PoolExhausted,
    retry: Retry::Always,
};

/// Opens a connection outside the pool and closes it again, to learn what the server says. Returns
/// `None` if the server has not answered within [`ANSWER_HOLDS`].
pub(super) async fn connect_once<DB: Backend>(pool: &Pool<DB>) -> Option<sqlx::Result<()>> {
    let options = pool.connect_options();
    match timeout(ANSWER_HOLDS, options.connect()).await {
        Ok(Ok(conn)) => {
            // Closing is only polite. Whether it succeeds says nothing about the question.
            let _ = timeout(ANSWER_HOLDS, conn.close()).await;
            Some(Ok(()))
        }
        Ok(Err(error)) => Some(Err(error)),
        Err(_) => None,
    }
}

/// Makes the error for a connection to `place` that was not opened in the time `waited`, and for
/// which nobody has given a reason.
pub(crate) fn unopened(place: &str, waited: Duration) -> Error {
    Error::new(
        Class {
            category: Category::Transient,
            kind: ErrorKind::Timeout,
            retry: Retry::Always,
        },
        format!(
            "the time was up after {:.3} s of waiting for a connection to {place}, which had not \
             been opened yet; give the call more time, or see why that takes so long",
            waited.as_secs_f64()
        ),
    )
}

/// Makes the error for a pool whose connections were all in use. `sessions` are the connections of
/// which it is known who holds them.
pub(crate) fn exhausted(size: u32, one_writer: bool, sessions: Vec<SessionInfo>) -> Error {
    let held = match held_by(sessions) {
        by if by.is_empty() => by,
        by => format!(", held{by}"),
    };
    let message = if one_writer {
        format!(
            "the one connection that writes was in use for as long as this call could wait{held}; \
             shorten the transactions, and see whether another process holds the file's lock"
        )
    } else {
        format!(
            "all connections of the pool ({size} of {size}) were in use for as long as this call \
             could wait{held}; shorten the transactions, call nothing from inside one that needs a \
             second connection, or raise `max_connections`"
        )
    };
    Error::new(EXHAUSTED, message)
}

/// Makes the error for a pool whose connections are all open although operations hold fewer.
pub(super) fn taken(size: u32) -> Error {
    let message = format!(
        "all {size} connections of the pool were taken for as long as this call could wait, not \
         all of them by operations: the application has borrowed some itself, or they are being \
         given back to a server that does not answer"
    );
    Error::new(EXHAUSTED, message)
}

/// Adds to `error` what can be done about a connection that could not be opened.
pub(crate) fn explain<DB: Backend>(pool: &Pool<DB>, error: Error) -> Error {
    if error.kind() == ErrorKind::PoolClosed {
        return error.advise("close a handle or pool only when no call can follow");
    }
    let advice = DB::advice(error.kind(), &pool.connect_options());
    error.advise(advice)
}
