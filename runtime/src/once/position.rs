//! [`PositionMarker`]: how far a call in chunks has come, moved on in the transaction of each chunk.
//!
//! The first statement of the transaction moves the position from where the call has left it. It waits
//! for a transaction that moves the same position, so a position that could be moved proves that no
//! earlier attempt was committed, whatever became of the answer to its COMMIT.

use std::fmt;

use super::marker::{Answer, Claim};
use crate::backend::Backend;
use crate::error::{Error, Outcome, Result};
use crate::session::{View, ask};

/// A statement with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    sql: &'static str,
    arguments: Vec<String>,
}

impl Asked {
    pub(crate) fn new(sql: &'static str, arguments: impl Into<Vec<String>>) -> Self {
        let arguments = arguments.into();
        Self { sql, arguments }
    }

    /// Sends the statement, and returns its first row.
    pub(crate) async fn send<DB: Backend>(
        &self,
        view: View<'_, DB>,
    ) -> sqlx::Result<Option<DB::Row>> {
        let View { conn, state } = view;
        let arguments: Vec<&str> = self.arguments.iter().map(|it| &**it).collect();
        ask::<DB>(conn, state, self.sql, &arguments).await
    }
}

/// The position that one chunk moves on.
pub(crate) struct PositionMarker {
    advance: Asked,
    read: Asked,
    /// Whether a position, as JSON, is the one behind this chunk.
    is_reached: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// The error if another call has moved the position.
    overtaken: fn() -> Error,
    /// Whether an attempt of this call has moved the position.
    has_moved: bool,
}

impl PositionMarker {
    pub(crate) fn new(
        advance: Asked,
        read: Asked,
        is_reached: Box<dyn Fn(&str) -> bool + Send + Sync>,
        overtaken: fn() -> Error,
    ) -> Self {
        Self {
            advance,
            read,
            is_reached,
            overtaken,
            has_moved: false,
        }
    }

    /// Moves the position, or finds that the chunk is committed. This is the first statement of the
    /// transaction.
    pub(super) async fn claim<DB: Backend>(&mut self, mut view: View<'_, DB>) -> Result<Claim<()>> {
        let moved = self.advance.send(view.reborrow()).await?;
        if moved.is_some() {
            self.has_moved = true;
            return Ok(Claim::Won(()));
        }
        let row = self.read.send(view).await?;
        let json = row.map(|row| DB::text(&row, 0)).transpose()?.flatten();
        let is_committed = json.is_some_and(|json| (self.is_reached)(&json));
        let result = match is_committed {
            true => Ok(String::new()),
            false => Err(((self.overtaken)(), Outcome::RolledBack)),
        };
        Ok(Claim::Settled(Answer {
            result,
            own: self.has_moved,
        }))
    }
}

impl fmt::Debug for PositionMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PositionMarker")
            .field("has_moved", &self.has_moved)
            .finish_non_exhaustive()
    }
}
