//! [`Mark`]: what a call leaves in its transaction, by which another attempt learns whether it was
//! committed.

use super::marker::{Claim, Marker};
#[cfg(feature = "once")]
use super::position::PositionMarker;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::session::View;

#[derive(Debug)]
pub(crate) enum Mark {
    /// The marker of a `once` call.
    Key(Marker),
    /// The position behind a chunk.
    #[cfg(feature = "once")]
    Position(PositionMarker),
}

impl Mark {
    /// Leaves the mark, or finds what an earlier call or attempt has left.
    pub(crate) async fn claim<DB: Backend>(
        &mut self,
        view: View<'_, DB>,
        op: &'static Op,
    ) -> Result<Claim<()>> {
        match self {
            Self::Key(marker) => marker.claim(view, op).await,
            #[cfg(feature = "once")]
            Self::Position(marker) => marker.claim(view).await,
        }
    }

    /// Stores the result beside the mark.
    pub(crate) async fn store<DB: Backend>(
        &self,
        view: View<'_, DB>,
        op: &'static Op,
        result: &str,
    ) -> Result<()> {
        match self {
            Self::Key(marker) => marker.store(view, op, result).await,
            #[cfg(feature = "once")]
            Self::Position(_) => Ok(()),
        }
    }

    /// Makes `error`, with which a call gives up before its body has run, say what the call has waited
    /// for.
    pub(crate) fn gave_up(&self, op: &'static Op, error: Error) -> Error {
        match self {
            Self::Key(marker) => marker.gave_up(op, error),
            #[cfg(feature = "once")]
            Self::Position(_) => error,
        }
    }
}
