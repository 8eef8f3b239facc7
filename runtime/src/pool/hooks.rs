//! What the hooks of one of dbop's pools tell the call that acquires a connection.
//!
//! sqlx runs the hooks of a pool in the task that acquires a connection, but hands that task
//! nothing except the connection. So the hooks leave what they know in a variable of the task.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;

use crate::backend::Signals;

/// Whether a connection is new when a call gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The connection was used before, and may have been lost while it was idle.
    Idle,
    /// The connection was opened for this call.
    New,
}

/// What the hooks have reported while one connection was acquired.
#[derive(Debug)]
pub(super) struct Acquired {
    origin: Cell<Origin>,
    signals: RefCell<Option<Arc<Signals>>>,
}

tokio::task_local! {
    static ACQUIRED: Acquired;
}

/// Runs `acquiring`, and returns what the hooks of the pool have reported along with its output.
/// The signals are `None` if the connection has none, or if the pool is not one of dbop's.
///
/// `acquiring` is borrowed and not moved, because the future of a connection is large.
pub(super) async fn watch_acquire<F: Future>(
    acquiring: Pin<&mut F>,
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

/// Tells the call that the pool has opened a connection with these signals, or hands out an idle
/// one. No call is waiting when the pool opens a connection on its own, for example to keep
/// `min_connections`.
pub(super) fn tell(origin: Origin, signals: Option<&Arc<Signals>>) {
    let _ = ACQUIRED.try_with(|said| {
        said.origin.set(origin);
        *said.signals.borrow_mut() = signals.cloned();
    });
}
