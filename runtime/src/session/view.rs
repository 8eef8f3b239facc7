//! [`View`]: a session, lent for a while.

use super::state::State;

/// A connection and what dbop has seen on it, both lent for a while.
pub struct View<'a, DB: sqlx::Database> {
    pub(crate) conn: &'a mut DB::Connection,
    pub(crate) state: &'a mut State,
}

impl<'a, DB: sqlx::Database> View<'a, DB> {
    pub(crate) fn reborrow(&mut self) -> View<'_, DB> {
        View {
            conn: self.conn,
            state: self.state,
        }
    }

    /// Hands out the raw connection, and records that dbop does not see what is sent over it.
    pub(crate) fn raw(&mut self) -> &mut DB::Connection {
        self.reborrow().into_raw()
    }

    /// Like [`raw`](Self::raw), for as long as the view is lent.
    pub(crate) fn into_raw(self) -> &'a mut DB::Connection {
        self.state.hand_out();
        self.conn
    }
}

impl<DB: sqlx::Database> std::fmt::Debug for View<'_, DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}
