//! What the hooks of a pool of dbop's tell the call that acquires a connection.
//!
//! sqlx runs the hooks of a pool in the task that acquires a connection, and hands that task nothing
//! but the connection. So the hooks leave what they know in the task.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::backend::Signals;

/// What is known of a connection when a call gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The connection was used before, and may have been lost while it was idle.
    Idle,
    /// The connection was opened for this call.
    New,
}

/// What the hooks have said while one connection was acquired.
#[derive(Debug)]
pub(super) struct Acquired {
    origin: Cell<Origin>,
    signals: RefCell<Option<Arc<Signals>>>,
}

tokio::task_local! {
    static ACQUIRED: Acquired;
}

/// Runs `acquiring`, and returns with its output what the hooks of the pool have said. The signals are
/// `None` if the connection has none, or if the pool is not one of dbop's.
pub(super) async fn watch_acquire<F: Future>(
    acquiring: F,
) -> (F::Output, Origin, Option<Arc<Signals>>) {
    let nothing = Acquired {
        origin: Cell::new(Origin::Idle),
        signals: RefCell::new(None),
    };
    let watched = async {
        let output = acquiring.await;
        let (origin, signals) = ACQUIRED.with(|said| (said.origin.get(), said.signals.take()));
        (output, origin, signals)
    };
    ACQUIRED.scope(nothing, watched).await
}

/// The pool has opened a connection with these signals, or hands out an idle one. No call is told
/// where the pool opens a connection on its own.
pub(super) fn tell(origin: Origin, signals: Option<&Arc<Signals>>) {
    let _ = ACQUIRED.try_with(|said| {
        said.origin.set(origin);
        *said.signals.borrow_mut() = signals.cloned();
    });
}
